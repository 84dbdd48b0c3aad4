import { MAX_LISTING_PAGE, MAX_PAGE_LISTINGS, PAGE_WAIT_MS } from '../../wire/limits.ts'
import type { MergedListing } from '../../wire/schemas/listings.ts'
import { type ListingContext, readMergedListing } from '../listing.ts'

type Entry = MergedListing['entries'][number]

/** A file in a folder, or, its name ending with a slash, a folder in it. */
export interface Row {
  readonly name: string
  /** Null for a folder. */
  readonly copies: Entry['copies'] | null
}

/** A part of the contents of a folder, in byte order. */
export interface Folder {
  readonly rows: readonly Row[]
  /** The row to continue after; null at the end. */
  readonly next: string | null
  /** As in a listing; a replica that failed once is an error. */
  readonly replicas: MergedListing['replicas']
}

interface FolderOptions {
  readonly folder: string
  readonly after: string
  /** At most so many rows. */
  readonly limit: number
  /** Stop early for nothing but the end, however long that takes: programs take fewer rows for all. */
  readonly isFull?: boolean | undefined
  readonly signal?: AbortSignal | undefined
}

/** Sorts after every name in a folder: none begins with so many of the last code point, a noncharacter. */
const BEYOND = '\u{10ffff}'.repeat(64)

/**
 * Lists `folder` (empty, or ending with a slash) after the row `after`: its files, and its folders, which
 * take one listing or two whatever their size. At most `limit` rows; without `isFull` fewer when that takes
 * too long.
 */
export async function readFolder(
  context: ListingContext,
  { folder, after, limit, isFull, signal }: FolderOptions,
): Promise<Folder> {
  const rows: Row[] = []
  const silent = new Map<string, MergedListing['replicas'][number]>()
  const end = performance.now() + PAGE_WAIT_MS
  let at = toBeyond(after)
  for (let listings = 1; ; listings++) {
    // With one more than the rows, a listing shows whether there are others.
    const options = { prefix: folder, after: at, limit: Math.min(limit + 1, MAX_LISTING_PAGE), signal }
    const { entries, next, replicas } = await readMergedListing(context, options)
    for (const replica of replicas) if (replica.state === 'error') silent.set(replica.id, replica)
    const heard = replicas.map((replica) => silent.get(replica.id) ?? replica)
    for (const entry of entries) {
      const row = toRow(entry, folder)
      if (row.name === rows.at(-1)?.name) continue
      if (rows.length === limit) return { rows, next: rows.at(-1)?.name ?? null, replicas: heard }
      rows.push(row)
    }
    if (next === null) return { rows, next, replicas: heard }
    const last = rows.at(-1)?.name ?? ''
    // What lies between the last row and `next` is in the folder of that row, or excluded.
    const to = last.endsWith('/') && next.startsWith(last) ? last : next
    const isLate = listings >= MAX_PAGE_LISTINGS || performance.now() >= end
    if (isLate && isFull !== true) return { rows, next: to, replicas: heard }
    at = toBeyond(to)
  }
}

/** Where to continue after a row: a folder is skipped with its contents. */
function toBeyond(row: string): string {
  return row.endsWith('/') ? row + BEYOND : row
}

function toRow({ name, copies }: Entry, folder: string): Row {
  const slash = name.indexOf('/', folder.length)
  return slash < 0 ? { name, copies } : { name: name.slice(0, slash + 1), copies: null }
}
