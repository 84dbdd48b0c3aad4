import { findDifference, toFolded } from '../../functions/storage/twins.ts'
import { toGrouped } from '../../functions/wire/grouped.ts'
import type { Manifest } from '../../functions/wire/schemas.ts'
import { MAX_TWIN_NAMES, MAX_TWINS_SAID } from './limits.ts'

/** Finds names that are lacking somewhere, each where the other is, and differ only in case or normal form. */
export interface Twins {
  /** A line about the name and its twin among those before it, for people; null when there is none to be said. */
  note(manifest: Manifest): string | null
  /** A line about those that were not said; null when there are none. */
  sum(): string | null
}

/** Remembers the first `MAX_TWIN_NAMES` names that are lacking somewhere. */
export function createTwins(): Twins {
  const lacking = new Map<string, Manifest>()
  let count = 0

  return {
    note(manifest) {
      if (manifest.agreement !== 'incomplete') return null
      const folded = toFolded(manifest.name)
      const other = lacking.get(folded)
      if (lacking.size < MAX_TWIN_NAMES) lacking.set(folded, manifest)
      if (other === undefined || isHeldTogether(manifest, other)) return null
      const what = findDifference(manifest.name, other.name)
      count++
      if (what === null || count > MAX_TWINS_SAID) return null
      return `'${manifest.name}' differs from '${other.name}' only in ${what}`
    },
    sum() {
      const rest = count - MAX_TWINS_SAID
      return rest > 0
        ? `${toGrouped(rest)} more names differ from others only in case or Unicode normalization`
        : null
    },
  }
}

/** Whether a replica has both, and so tells them apart. */
function isHeldTogether(a: Manifest, b: Manifest): boolean {
  const holders = new Set(a.versions.flatMap(({ replicas }) => replicas))
  return b.versions.some(({ replicas }) => replicas.some((id) => holders.has(id)))
}
