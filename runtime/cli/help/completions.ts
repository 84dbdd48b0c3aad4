import { writeOut } from '../../hosting/io.ts'
import { UserError } from '../../node/user-error.ts'
import type { Command } from '../options/command.ts'
import { SHELLS } from '../options/declarations.ts'
import { findNearest } from '../options/nearest.ts'

/** Each passes the line up to the cursor to `vouch complete`, and its offers to the shell. */
const SCRIPTS: Readonly<Record<(typeof SHELLS)[number], string>> = {
  // bash splits words at = and : too, so it passes the line.
  bash: `_vouch() {
  local offer about
  COMPREPLY=()
  while IFS=$'\\t' read -r offer about; do
    COMPREPLY+=("$offer")
    [[ $offer == *[=:/] ]] && type compopt &>/dev/null && compopt -o nospace
  done < <(vouch complete bash "\${COMP_LINE:0:COMP_POINT}" "$COMP_WORDBREAKS" 2>/dev/null </dev/null)
}
complete -F _vouch vouch
`,
  zsh: `_vouch() {
  local offer about
  local -a open closed
  while IFS=$'\\t' read -r offer about; do
    [[ $offer == *[=:/] ]] && open+=("\${offer//:/\\\\:}:$about") || closed+=("\${offer//:/\\\\:}:$about")
  done < <(vouch complete zsh "\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}" 2>/dev/null </dev/null)
  _describe value open -S '' -- closed
}
if [[ $funcstack[1] == _vouch ]]; then _vouch "$@"; else compdef _vouch vouch; fi
`,
  fish: `function __vouch_complete
    set -l words (commandline -opc)
    set -l word (commandline -ct)
    vouch complete fish $words[2..-1] "$word" 2>/dev/null </dev/null
end
complete -c vouch -f -a '(__vouch_complete)'
`,
}

export const completions: Command = {
  async run({ operand }, io) {
    const shell = SHELLS.find((known) => known === operand)
    if (shell === undefined)
      throw new UserError(`completions takes ${SHELLS.join(', ')}, got ${toGot(operand)}`)
    const head = shell === 'zsh' ? '#compdef vouch\n' : ''
    await writeOut(
      io,
      `${head}# ${shell} completion for vouch, made by 'vouch completions ${shell}'.\n${SCRIPTS[shell]}`,
    )
    return 0
  },
}

function toGot(name: string | undefined): string {
  if (name === undefined) return 'none'
  const nearest = findNearest(name, SHELLS)
  return nearest === null ? `'${name}'` : `'${name}'; did you mean '${nearest}'?`
}
