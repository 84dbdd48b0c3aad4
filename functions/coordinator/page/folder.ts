import { MAX_PAGE_LISTINGS, PAGE_WAIT_MS } from '../../wire/limits.ts'
import type { MergedListing } from '../../wire/schemas.ts'
import type { Member } from '../gather.ts'
import { readMergedListing } from '../listing.ts'

type Entry = MergedListing['entries'][number]

/** A file in a folder, or, its name ending with a slash, a folder in it. */
export interface Row {
  readonly name: string
  /** Null for a folder. */
  readonly copies: Entry['copies'] | null
}

/** Some of what is in a folder, in byte order. */
export interface Folder {
  readonly rows: readonly Row[]
  /** What comes next; null when this is the end. */
  readonly next: string | null
  /** As in a listing: one that failed once is not heard. */
  readonly replicas: MergedListing['replicas']
}

/** What sorts after every name below a folder: no segment begins with so many of the last code point, a noncharacter. */
const BEYOND = '\u{10ffff}'.repeat(64)

/**
 * What `folder` (empty, or ending with a slash) holds itself, after the row `after`: its files, and the folders in it by
 * name. At most `limit` rows, of which a folder takes one listing or two, however much is in it; fewer when those take
 * longer than a page waits.
 */
export async function readFolder(
  members: readonly Member[],
  {
    folder,
    after,
    limit,
    signal,
  }: {
    readonly folder: string
    readonly after: string
    readonly limit: number
    readonly signal?: AbortSignal | undefined
  },
): Promise<Folder> {
  const rows: Row[] = []
  const silent = new Map<string, MergedListing['replicas'][number]>()
  const end = performance.now() + PAGE_WAIT_MS
  let at = toBeyond(after)
  for (let listings = 1; ; listings++) {
    const options = { prefix: folder, after: at, limit, signal }
    const { entries, next, replicas } = await readMergedListing(members, options)
    for (const replica of replicas) if (replica.state === 'error') silent.set(replica.id, replica)
    const heard = replicas.map((replica) => silent.get(replica.id) ?? replica)
    for (const entry of entries) {
      const row = toRow(entry, folder)
      if (row.name === rows.at(-1)?.name) continue
      if (rows.length === limit) return { rows, next: rows.at(-1)?.name ?? null, replicas: heard }
      rows.push(row)
    }
    if (next === null) return { rows, next, replicas: heard }
    const last = rows.at(-1)?.name ?? next
    if (listings === MAX_PAGE_LISTINGS || performance.now() >= end)
      return { rows, next: last, replicas: heard }
    at = next.startsWith(last) ? toBeyond(last) : next
  }
}

/** What to list after: a folder that was told is passed with all that is in it. */
function toBeyond(row: string): string {
  return row.endsWith('/') ? row + BEYOND : row
}

function toRow({ name, copies }: Entry, folder: string): Row {
  const slash = name.indexOf('/', folder.length)
  return slash < 0 ? { name, copies } : { name: name.slice(0, slash + 1), copies: null }
}
