import { toKeptKey } from '../../functions/storage/kept.ts'
import { compareNames, parseName, RESERVED } from '../../functions/storage/names.ts'
import type { Kept, KeptPage, ListKeptOptions } from '../../functions/storage/storage.ts'
import { isDigest } from '../../functions/wire/digest.ts'
import { MAX_LISTING_PAGE } from '../../functions/wire/limits.ts'
import { toIdentity, toTime } from './identity.ts'
import { findShelves } from './kept-place.ts'
import { readStats } from './regular-file.ts'
import { type Place, requireRoot, toPath } from './root.ts'
import { walkTree } from './tree-walk.ts'

/** A page of what is kept below a root, on the calling thread; see `Storage.listKept`. */
export function listKept(place: Place, options: ListKeptOptions): KeptPage {
  const { name, after = '', limit = MAX_LISTING_PAGE } = options
  const size = Math.min(Math.max(limit, 1), MAX_LISTING_PAGE)
  const entries: Kept[] = []
  for (const entry of merge(findShelves(place).map((shelf) => walkShelf(place, shelf, { name, after })))) {
    entries.push(entry)
    if (entries.length > size) break
  }
  // A root that went away meanwhile has just looked empty, or like less than it holds.
  requireRoot(place)
  const page = entries.slice(0, size)
  const last = page.at(-1)
  return { entries: page, next: entries.length > size && last ? toKeptKey(last) : null }
}

/** What lies on one shelf, in order. */
function* walkShelf(
  place: Place,
  shelf: string,
  { name, after }: { readonly name: string | undefined; readonly after: string },
): Generator<Kept> {
  const there = { ...place, path: toPath(place, `${RESERVED}/${shelf}`) }
  const isPath = (key: string) => isKeptPath(key, name)
  const course = {
    ranges: [{ after, until: null }],
    prefix: '',
    isWanted: () => true,
    isPath,
    toFault: () => null,
  }
  for (const { name: key, trouble, passed } of walkTree(there, course)) {
    if (trouble !== undefined) throw trouble
    if (passed !== undefined) continue
    const stats = readStats(toPath(there, key))
    if (!stats?.isFile()) continue
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

/** The entries of all shelves in order, each once. */
function* merge(shelves: Generator<Kept>[]): Generator<Kept> {
  const heads = shelves.flatMap((shelf) => toHead(shelf) ?? [])
  let last = ''
  while (heads.length > 0) {
    const first = heads.reduce((a, b) => (compareNames(a.key, b.key) <= 0 ? a : b))
    if (first.key !== last) yield first.entry
    last = first.key
    const next = toHead(first.shelf)
    if (next === null) heads.splice(heads.indexOf(first), 1)
    else Object.assign(first, next)
  }
}

function toHead(shelf: Generator<Kept>) {
  const { value: entry } = shelf.next()
  return entry ? { shelf, entry, key: toKeptKey(entry) } : null
}
