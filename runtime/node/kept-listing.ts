import { toKeptKey } from '../../functions/storage/kept.ts'
import { compareNames, RESERVED } from '../../functions/storage/names.ts'
import type { Kept, KeptPage, ListKeptOptions } from '../../functions/storage/storage.ts'
import { isDigest } from '../../functions/wire/digest.ts'
import { MAX_LISTING_PAGE } from '../../functions/wire/limits.ts'
import type { EntryMemory } from './entry-memory.ts'
import { toIdentity, toTime } from './identity.ts'
import { findShelves } from './kept-place.ts'
import { LISTING_ROOM } from './limits.ts'
import { tryLstat } from './regular-file.ts'
import { type Place, requireRoot, toPath } from './root.ts'
import type { Steps } from './tree-jobs.ts'
import { isNamePath, walkTree } from './tree-walk.ts'

/** A page of what is kept below a root, step by step on the calling thread; see `Storage.listKept`. */
export function* listKept(place: Place, options: ListKeptOptions, entryMemory: EntryMemory): Steps<KeptPage> {
  const { name, after = '', limit = MAX_LISTING_PAGE } = options
  const size = Math.min(Math.max(limit, 1), MAX_LISTING_PAGE)
  const entries: Kept[] = []
  // What is read for one name is not what is read for all.
  const memory = name === undefined ? entryMemory : undefined
  const shelves = findShelves(place).map((shelf) => walkShelf(place, shelf, { name, after, memory }))
  for (const entry of merge(shelves)) {
    yield null
    if (entry !== null) entries.push(entry)
    if (entries.length > size) break
  }
  // A root that went away meanwhile has just looked empty, or like less than it holds.
  requireRoot(place)
  const page = entries.slice(0, size)
  const last = page.at(-1)
  return { entries: page, next: entries.length > size && last ? toKeptKey(last) : null }
}

/** What lies on one shelf, in order; null after every few entries that were looked at. */
function* walkShelf(
  place: Place,
  shelf: string,
  {
    name,
    after,
    memory,
  }: { readonly name: string | undefined; readonly after: string; readonly memory: EntryMemory | undefined },
): Generator<Kept | null> {
  const there = { ...place, path: toPath(place, `${RESERVED}/${shelf}`) }
  const isPath = (key: string) => isKeptPath(key, name)
  const ranges = [{ after, until: null }]
  const course = { ranges, prefix: '', isWanted: () => true, isPath, room: LISTING_ROOM, memory }
  for (const met of walkTree(there, course)) {
    if (met?.trouble !== undefined) throw met.trouble
    const key = met?.name ?? ''
    const stats = met && tryLstat(toPath(there, key))
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
  if (name === undefined) return isNamePath(rest)
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
