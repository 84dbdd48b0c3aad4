import { toValues } from './completion-values.ts'
import { type Declaration, type Takes, toFlagsWithHelp } from './declaration.ts'

/** A script that completes these commands in bash 3.2 and later, with or without the package bash-completion. */
export function toBashCompletion(declarations: readonly Declaration[]): string {
  const names = declarations.map(({ name }) => name)
  return `# bash completion for vouch, made by 'vouch completions bash'.

# Words as people see them, up to the cursor: bash splits them at = and : as well.
_vouch_words() {
  local rest=$COMP_LINE trimmed word i
  words=() count=0
  for ((i = 0; i <= COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    trimmed=\${rest#"\${rest%%[![:space:]]*}"}
    if [[ $trimmed == "$rest" && $count -gt 0 ]]; then
      words[count - 1]+=$word
    else
      words[count]=$word
      count=$((count + 1))
    fi
    rest=\${trimmed#"$word"}
  done
}

# Offers what continues the word under the cursor, less what bash takes for another word.
_vouch_offer() {
  local cut= offer
  [[ $COMP_WORDBREAKS == *=* && $current == *=* ]] && cut=\${current%"\${current##*=}"}
  [[ $COMP_WORDBREAKS == *:* && \${current#"$cut"} == *:* ]] && cut=\${current%"\${current##*:}"}
  for offer; do
    [[ $offer == "$current"* ]] || continue
    COMPREPLY+=("\${offer#"$cut"}")
    [[ $offer == *[=:/] ]] && type compopt &>/dev/null && compopt -o nospace
  done
}

# Values: words, the kind of paths, what comes before ids (- for none), whether all that behind the first =.
_vouch_values() {
  local head=\${current%"$value"} part=$value i word
  if [[ $4 ]]; then
    [[ $value == *=* ]] || return
    head+=\${value%%=*}=
    part=\${value#*=}
  fi
  for word in $1; do _vouch_offer "$head$word"; done
  if [[ $3 != - ]]; then
    for ((i = 2; i < count - 1; i++)); do
      word=\${words[i]}
      [[ $word == --replica=*=* ]] && word=\${word#--replica=} || [[ \${words[i - 1]} == --replica ]] || continue
      _vouch_offer "$head$3\${word%%=*}"
    done
  fi
  [[ $2 ]] || return
  type compopt &>/dev/null && compopt -o filenames
  while IFS= read -r word; do _vouch_offer "$head$word"; done < <(compgen "-\${2:0:1}" -- "$part")
}

_vouch() {
  local words count current value flag
  COMPREPLY=()
  _vouch_words
  current=\${words[count - 1]} value=\${words[count - 1]} flag=\${words[count - 2]}
  if ((count == 2)); then
    _vouch_offer ${[...names, '--help', '--version'].join(' ')}
    return
  fi
  if [[ $current == --*=* ]]; then
    flag=\${current%%=*}
    value=\${current#*=}
  fi
  case "\${words[1]} $flag" in
${declarations.flatMap((declaration) => toValueCases(declaration, names)).join('\n')}
  esac
  case "\${words[1]} $current" in
${declarations.map(toFlagCase).join('\n')}
${declarations.flatMap((declaration) => toOperandCase(declaration, names)).join('\n')}
  esac
}

complete -F _vouch vouch
`
}

function toValueCases(declaration: Declaration, commands: readonly string[]): string[] {
  return Object.entries(toFlagsWithHelp(declaration)).flatMap(([flag, { short, value, takes }]) => {
    if (value === undefined) return []
    const spellings = [`--${flag}`, ...(short === undefined ? [] : [`-${short}`])]
    const patterns = spellings.map((spelling) => `"${declaration.name} ${spelling}"`)
    return `    ${patterns.join(' | ')}) ${toCall(takes, commands)}return ;;`
  })
}

function toFlagCase(declaration: Declaration): string {
  const flags = Object.keys(toFlagsWithHelp(declaration)).map((flag) => `--${flag}`)
  return `    "${declaration.name} -"*) _vouch_offer ${flags.join(' ')} ;;`
}

function toOperandCase({ name, operand }: Declaration, commands: readonly string[]): string[] {
  return operand?.takes === undefined ? [] : [`    "${name} "*) ${toCall(operand.takes, commands)};;`]
}

function toCall(takes: Takes | undefined, commands: readonly string[]): string {
  if (takes === undefined) return ''
  const [words, paths, ids, behind] = toValues(takes, commands).map((word) => `'${word}'`)
  // compgen has -f for files and -d for directories: the first letter tells.
  return `_vouch_values ${words} ${paths} ${ids} ${behind}; `
}
