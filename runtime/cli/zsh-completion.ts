import { toValues } from './completion-values.ts'
import { type Declaration, type Flag, type Takes, toFlagsWithHelp } from './declaration.ts'

/** A script that completes these commands in zsh 5: a function `_vouch` for `$fpath`, which may also be sourced. */
export function toZshCompletion(declarations: readonly Declaration[]): string {
  const names = declarations.map(({ name }) => name)
  return `#compdef vouch
# zsh completion for vouch, made by 'vouch completions zsh'.

# Values: words, the kind of paths, what comes before ids (- for none), whether all that behind the first =.
_vouch_values() {
  local -a offers=(\${=1}) open closed
  local i word ret=1
  if [[ -n $4 ]]; then
    compset -P 1 '*=' || return 1
  fi
  if [[ $3 != - ]]; then
    for ((i = 2; i < CURRENT; i++)); do
      word=\${words[i]}
      if [[ $word == --replica=*=* ]]; then
        word=\${word#--replica=}
      elif [[ \${words[i - 1]} != --replica ]]; then
        continue
      fi
      offers+=("$3\${word%%=*}")
    done
  fi
  open=(\${(M)offers:#*[=:/]})
  closed=(\${offers:#*[=:/]})
  compadd -S '' -a open && ret=0
  compadd -a closed && ret=0
  case $2 in
    files) _files && ret=0 ;;
    directories) _files -/ && ret=0 ;;
  esac
  return ret
}

_vouch() {
  local -a commands=(
${declarations.map(({ name, about }) => `    ${quote(`${name}:${about}`)}`).join('\n')}
  )
  if ((CURRENT == 2)); then
    _describe -t commands command commands
    [[ $PREFIX == -* ]] && compadd -- --help --version
    return
  fi
  local command=\${words[2]}
  shift words
  ((CURRENT--))
  case $command in
${declarations.map((declaration) => toCase(declaration, names)).join('\n')}
  esac
}

if [[ $funcstack[1] == _vouch ]]; then
  _vouch "$@"
else
  compdef _vouch vouch
fi
`
}

function toCase(declaration: Declaration, commands: readonly string[]): string {
  const { name, operand } = declaration
  const flags = Object.entries(toFlagsWithHelp(declaration)).flatMap(([flag, init]) =>
    toSpecs(flag, init, commands),
  )
  // With the mere name of an operand zsh completes no option beside it, and with none at all no option after one.
  const operands =
    operand?.takes === undefined ? [] : [`1:${operand.name}:${toAction(operand.takes, commands)}`]
  const rest = `*:more:${toAction({}, commands)}`
  const specs = [...flags, ...operands, rest]
  return `    ${name})
      _arguments -s -S : \\
${specs.map((spec) => `        ${quote(spec)}`).join(' \\\n')}
      ;;`
}

function toSpecs(
  name: string,
  { short, value, takes, repeated, about }: Flag,
  commands: readonly string[],
): string[] {
  const end = `[${about.replace(/[[\]\\]/g, '\\$&')}]${value === undefined ? '' : `:${value}:${toAction(takes, commands)}`}`
  const others = repeated ? '*' : `(${short === undefined ? '' : `-${short} `}--${name})`
  const long = `${others}--${name}${value === undefined ? '' : '='}${end}`
  return short === undefined ? [long] : [long, `${others}-${short}${value === undefined ? '' : '+'}${end}`]
}

/** With a blank before it, for it takes no options of compadd. */
function toAction(takes: Takes | undefined, commands: readonly string[]): string {
  if (takes === undefined) return ' '
  const words = toValues(takes, commands).map((word) => `"${word.replaceAll(':', '\\:')}"`)
  return ` _vouch_values ${words.join(' ')}`
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
