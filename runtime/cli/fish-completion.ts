import { toValues } from './completion-values.ts'
import { type Declaration, type Flag, type Takes, toFlagsWithHelp } from './declaration.ts'

/** A script that completes these commands in fish 3 and later. */
export function toFishCompletion(declarations: readonly Declaration[]): string {
  const names = declarations.map(({ name }) => name)
  return `# fish completion for vouch, made by 'vouch completions fish'.

function __vouch_is
    set -l words (commandline -opc)
    test (count $words) -ge 2; and test "$words[2]" = "$argv[1]"
end

function __vouch_begins
    test (count (commandline -opc)) -eq 1
end

# Values: words, the kind of paths, what comes before ids (- for none), whether all that behind the first =.
function __vouch_values
    set -l part (string replace -r -- '^--[^=]*=' '' (commandline -ct))
    set -l head ''
    if test -n "$argv[4]"
        string match -q -- '*=*' $part; or return
        set head (string replace -r -- '=.*' '=' $part)
        set part (string replace -r -- '^[^=]*=' '' $part)
    end
    for word in (string split -n ' ' -- $argv[1])
        echo $head$word
    end
    if test "$argv[3]" != -
        set -l words (commandline -opc)
        set -l before ''
        for typed in $words
            set -l word (string replace -- --replica= '' $typed)
            if test "$typed" != "$word"; or test "$before" = --replica
                echo $head$argv[3](string replace -r -- '=.*' '' $word)
            end
            set before $typed
        end
    end
    switch "$argv[2]"
        case directories
            printf '%s\\n' $head(__fish_complete_directories "$part" '')
        case files
            printf '%s\\n' $head(__fish_complete_path "$part" '')
    end
end

complete -c vouch -f
complete -c vouch -n __vouch_begins -l help -s h -d 'say what vouch can do'
complete -c vouch -n __vouch_begins -l version -d 'say which vouch this is'
${declarations.flatMap((declaration) => toCommand(declaration, names)).join('\n')}
`
}

function toCommand(declaration: Declaration, commands: readonly string[]): string[] {
  const { name, about, operand } = declaration
  const here = `complete -c vouch -n '__vouch_is ${name}'`
  return [
    `complete -c vouch -n __vouch_begins -a ${name} -d ${quote(about)}`,
    ...(operand?.takes === undefined ? [] : [`${here} -a ${toCall(operand.takes, commands)}`]),
    ...Object.entries(toFlagsWithHelp(declaration)).map(
      ([flag, init]) => `${here} ${toFlag(flag, init, commands)}`,
    ),
  ]
}

function toFlag(name: string, { short, value, takes, about }: Flag, commands: readonly string[]): string {
  const values = value === undefined ? [] : ['-x', ...(takes ? ['-a', toCall(takes, commands)] : [])]
  const parts = ['-l', name, ...(short === undefined ? [] : ['-s', short]), ...values, '-d', quote(about)]
  return parts.join(' ')
}

function toCall(takes: Takes, commands: readonly string[]): string {
  return quote(`(__vouch_values ${toValues(takes, commands).map(quote).join(' ')})`)
}

function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
