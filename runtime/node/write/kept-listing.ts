import { toKeptKey } from '../../../functions/storage/kept.ts'
import { compareNames, parseName, RESERVED } from '../../../functions/storage/names.ts'
import type { Kept, KeptPage, ListKeptOptions } from '../../../functions/storage/storage.ts'
import { toPageSize } from '../../../functions/storage/survey/page-builder.ts'
import { isDigest } from '../../../functions/wire/digest.ts'
import { readStats, toIdentity, toTime } from '../files/identity.ts'
import { type Place, requireMounts, toPath } from '../files/root.ts'
import { LISTING_ROOM } from '../limits.ts'
import { readTops } from '../mounts/tops.ts'
import type { EntryMemory } from '../tree/entry-memory.ts'
import type { Steps } from '../tree/tree-jobs.ts'
import { walkTree } from '../tree/tree-walk.ts'
import { findShelves } from './kept-place.ts'

/** A page of the replaced files below a root, in steps; see `Storage.listKept`. The root may go meanwhile. */
export function* listKept(place: Place, options: ListKeptOptions, entryMemory: EntryMemory): Steps<KeptPage> {
  const { name, after = '', limit } = options
  const size = toPageSize(limit)
  const entries: Kept[] = []
  // A listing of one name reads other entries than one of all names.
  const memory = name === undefined ? entryMemory : undefined
  const tops = ['', ...readTops(place)]
  for (const entry of merge(tops.flatMap((top) => walkTop(place, top, { name, after, memory })))) {
    yield null
    if (entry !== null) entries.push(entry)
    if (entries.length > size) break
  }
  const page = entries.slice(0, size)
  const last = page.at(-1)
  return { entries: page, next: entries.length > size && last ? toKeptKey(last) : null }
}

interface Wanted {
  readonly name: string | undefined
  readonly after: string
  readonly memory: EntryMemory | undefined
}

/** What is kept at the top of a file system, at this path below the root: each shelf in order. */
function walkTop(place: Place, top: string, wanted: Wanted): Generator<Kept | null>[] {
  if (top === '') return findShelves(place).map((shelf) => walkShelf(place, shelf, wanted))
  const { name, after, memory } = wanted
  const prefix = `${top}/`
  if (name !== undefined && !name.startsWith(prefix)) return []
  requireMounts(place, top)
  const there = { ...place, path: toPath(place, top), mounts: NO_MOUNTS }
  const below = { name: name?.slice(prefix.length), after: after.slice(0, 65), memory }
  return findShelves(there).map((shelf) => prepend(prefix, walkShelf(there, shelf, below), after))
}

const NO_MOUNTS: ReadonlySet<string> = new Set()

/** The entries with `prefix` before their names that then follow `after`; null where `shelf` yields null. */
function* prepend(prefix: string, shelf: Generator<Kept | null>, after: string): Generator<Kept | null> {
  for (const kept of shelf) {
    const entry = kept && { ...kept, name: prefix + kept.name }
    yield entry !== null && compareNames(toKeptKey(entry), after) > 0 ? entry : null
  }
}

/** The entries of one shelf, in order; null after every few entries that were read. */
function* walkShelf(place: Place, shelf: string, { name, after, memory }: Wanted): Generator<Kept | null> {
  const there = { ...place, path: toPath(place, `${RESERVED}/${shelf}`), mounts: NO_MOUNTS }
  const course = {
    ...{ ranges: [{ after, until: null }], prefix: '', room: LISTING_ROOM, memory },
    isWanted: () => true,
    isPath: (key: string) => isKeptPath(key, name),
    toFault: () => null,
  }
  for (const met of walkTree(there, course)) {
    if (met?.trouble !== undefined) throw met.trouble
    const key = met?.name ?? ''
    const stats = met === null || met.passed !== undefined ? null : readStats(toPath(there, key))
    if (!stats?.isFile()) {
      yield null
      continue
    }
    const { size, changedNs } = toIdentity(stats)
    // The replacement was its last change; see `keepReplaced`.
    yield { digest: key.slice(0, 64), name: key.slice(65), size, kept: toTime(changedNs) }
  }
}

/** Whether `key`, below a shelf, is `<digest>/<name>` or leads there; only for `name` when that is given. */
function isKeptPath(key: string, name: string | undefined): boolean {
  if (!isDigest(key.slice(0, 64)) || key[64] !== '/') return false
  const rest = key.slice(65)
  if (rest === '') return true
  if (name === undefined) return parseName(rest.endsWith('/') ? `${rest}x` : rest) !== null
  return rest.endsWith('/') ? name.startsWith(rest) : rest === name
}

/** The entries of all shelves in order, without duplicates; null where a shelf yields null. */
function* merge(shelves: Generator<Kept | null>[]): Generator<Kept | null> {
  try {
    const heads: Head[] = []
    for (const shelf of shelves) heads.push(...(yield* readHead(shelf)))
    let last = ''
    while (heads.length > 0) {
      const first = heads.reduce((a, b) => (compareNames(a.key, b.key) <= 0 ? a : b))
      if (first.key !== last) yield first.entry
      last = first.key
      heads.splice(heads.indexOf(first), 1, ...(yield* readHead(first.shelf)))
    }
  } finally {
    for (const shelf of shelves) shelf.return(null)
  }
}

interface Head {
  readonly shelf: Generator<Kept | null>
  readonly entry: Kept
  readonly key: string
}

/** The next entry of a shelf; empty at its end. */
function* readHead(shelf: Generator<Kept | null>): Generator<null, Head[]> {
  for (;;) {
    const { value: entry, done } = shelf.next()
    if (done) return []
    if (entry !== null) return [{ shelf, entry, key: toKeptKey(entry) }]
    yield null
  }
}
