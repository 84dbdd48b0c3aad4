import type { MissingName } from '../../../functions/coordinator/compare/missing-name.ts'
import { addSizes } from '../../../functions/storage/survey/survey.ts'
import { addCounts } from '../../../functions/wire/passed.ts'
import type { Manifest } from '../../../functions/wire/schemas/manifest.ts'
import { formatNumber, formatSize } from '../../../functions/wire/text.ts'
import type { Renamed } from './renames.ts'

interface Total {
  readonly missing: number
  /** Of the missing files; null when the size of one is unknown. */
  readonly bytes: number | null
  readonly differ: number
  readonly renamed: number
  readonly corrupt: number
}

const NOTHING: Total = { missing: 0, bytes: 0, differ: 0, renamed: 0, corrupt: 0 }

/** Counts for each replica what is not as on the others. */
export function createTotals() {
  const totals = new Map<string, Total>()

  function add(id: string, more: Partial<Total>): void {
    const before = totals.get(id) ?? NOTHING
    const sum = (key: Exclude<keyof Total, 'bytes'>) => addCounts(before[key], more[key] ?? 0)
    const { bytes = 0 } = more
    totals.set(id, {
      ...{ missing: sum('missing'), bytes: addSizes(before.bytes, bytes), differ: sum('differ') },
      ...{ renamed: sum('renamed'), corrupt: sum('corrupt') },
    })
  }

  return {
    addMissing({ sides, size }: MissingName): void {
      for (const id of sides.lacking) add(id, { missing: 1, bytes: size })
    },
    addRenamed({ files, sides }: Renamed): void {
      for (const id of sides.lacking) add(id, { renamed: files.length })
    },
    /** A name that is not only missing. Copies differ from those that most replicas hold, or else all do. */
    addOther({ versions, replicas }: Manifest): void {
      const most = Math.max(0, ...versions.map((version) => version.replicas.length))
      const first = versions.filter((version) => version.replicas.length === most)
      const usual = first.length === 1 ? first[0] : undefined
      for (const { id, state, rottedFrom } of replicas) {
        const isCorrupt = state === 'corrupt' || rottedFrom !== undefined
        if (isCorrupt) add(id, { corrupt: 1 })
        else if (state === 'missing') add(id, { missing: 1, bytes: versions[0]?.size ?? null })
        else if (state === 'differ' && !usual?.replicas.includes(id)) add(id, { differ: 1 })
      }
    },
    /** `vm2: 168 missing (601 MiB), 3 differ` for each replica of which something was counted. */
    toLines(ids: readonly string[]): string[] {
      return ids.flatMap((id) => {
        const { missing, bytes, differ, renamed, corrupt } = totals.get(id) ?? NOTHING
        const parts = [
          missing > 0 && `${formatNumber(missing)} missing${bytes === null ? '' : ` (${formatSize(bytes)})`}`,
          differ > 0 && `${formatNumber(differ)} differ`,
          renamed > 0 && `${formatNumber(renamed)} renamed`,
          corrupt > 0 && `${formatNumber(corrupt)} corrupt`,
        ].filter((part) => part !== false)
        return parts.length === 0 ? [] : `${id}: ${parts.join(', ')}`
      })
    },
  }
}
