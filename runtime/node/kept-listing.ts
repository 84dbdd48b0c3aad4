import { toKeptKey } from '../../functions/storage/kept.ts'
import { compareNames, parseName, RESERVED } from '../../functions/storage/names.ts'
import type { Kept, KeptPage, ListKeptOptions } from '../../functions/storage/storage.ts'
import { isDigest } from '../../functions/wire/digest.ts'
import { MAX_LISTING_PAGE } from '../../functions/wire/limits.ts'
import type { EntryMemory } from './entry-memory.ts'
import { toIdentity, toTime } from './identity.ts'
import { findShelves } from './kept-place.ts'
import { LISTING_ROOM } from './limits.ts'
import { readStats } from './regular-file.ts'
import { type Place, requireMounts, toPath } from './root.ts'
import { readTops } from './tops.ts'
import type { Steps } from './tree-jobs.ts'
import { walkTree } from './tree-walk.ts'

/**
 * A page of what is kept below a root, step by step on the calling thread; see `Storage.listKept`. The root may go away
 * meanwhile.
 */
export function* listKept(place: Place, options: ListKeptOptions, entryMemory: EntryMemory): Steps<KeptPage> {
  const { name, after = '', limit = MAX_LISTING_PAGE } = options
  const size = Math.min(Math.max(limit, 1), MAX_LISTING_PAGE)
  const entries: Kept[] = []
  // What is read for one name is not what is read for all.
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

/** What is kept where a file system begins, at this path below the root: each shelf in order. */
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

/** The entries with `prefix` before their names, of those that then come after `after`; null where `shelf` gives it. */
function* prepend(prefix: string, shelf: Generator<Kept | null>, after: string): Generator<Kept | null> {
  for (const kept of shelf) {
    const entry = kept && { ...kept, name: prefix + kept.name }
    yield entry !== null && compareNames(toKeptKey(entry), after) > 0 ? entry : null
  }
}

/** What lies on one shelf, in order; null after every few entries that were looked at. */
function* walkShelf(place: Place, shelf: string, { name, after, memory }: Wanted): Generator<Kept | null> {
  const there = { ...place, path: toPath(place, `${RESERVED}/${shelf}`), mounts: NO_MOUNTS }
  const isPath = (key: string) => isKeptPath(key, name)
  const course = {
    ranges: [{ after, until: null }],
    prefix: '',
    isWanted: () => true,
    isPath,
    toFault: () => null,
    room: LISTING_ROOM,
    memory,
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
    // Losing its name, or being stamped, was the last that happened to it.
    yield { digest: key.slice(0, 64), name: key.slice(65), size, kept: toTime(changedNs) }
  }
}

/** Whether `key`, from a shelf on, is `<digest>/<name>` or leads there; of one name alone when it is given. */
function isKeptPath(key: string, name: string | undefined): boolean {
  if (!isDigest(key.slice(0, 64)) || key[64] !== '/') return false
  const rest = key.slice(65)
  if (rest === '') return true
  if (name === undefined) return parseName(rest.endsWith('/') ? `${rest}x` : rest) !== null
  return rest.endsWith('/') ? name.startsWith(rest) : rest === name
}

/** The entries of all shelves in order, each once; null where `shelves` give it. */
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

/** The next entry of a shelf; none at its end. */
function* readHead(shelf: Generator<Kept | null>): Generator<null, Head[]> {
  for (;;) {
    const { value: entry, done } = shelf.next()
    if (done) return []
    if (entry !== null) return [{ shelf, entry, key: toKeptKey(entry) }]
    yield null
  }
}
