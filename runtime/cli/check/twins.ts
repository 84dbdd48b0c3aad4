import type { MissingName } from '../../../functions/coordinator/compare/missing-name.ts'
import { findDifference, toFolded } from '../../../functions/storage/twins.ts'
import { formatNumber } from '../../../functions/wire/text.ts'
import { MAX_TWINS_SAID } from '../limits.ts'

/** Lines about pairs of names, each missing where the other is, that differ only in case or normalization. */
export function toTwinLines(names: readonly MissingName[]): string[] {
  const lines = [...Map.groupBy(names, ({ name }) => toFolded(name)).values()].flatMap(toLines)
  const rest = lines.length - MAX_TWINS_SAID
  if (rest <= 0) return lines
  const more = `${formatNumber(rest)} more names differ from others only in case or Unicode normalization`
  return [...lines.slice(0, MAX_TWINS_SAID), more]
}

function toLines(names: readonly MissingName[]): string[] {
  return names.flatMap((one, i) => {
    const other = names[i - 1]
    if (other === undefined || isHeldTogether(one, other)) return []
    return `'${one.name}' differs from '${other.name}' only in ${findDifference(one.name, other.name)}`
  })
}

/** Whether a replica has both, and so distinguishes them. */
function isHeldTogether({ sides: a }: MissingName, { sides: b }: MissingName): boolean {
  return a.holders.some((id) => b.holders.includes(id))
}
