import { createLimit } from '../../wire/limit.ts'
import { MAX_OBJECTS_AT_ONCE } from '../../wire/limits.ts'
import type { PassedKind } from '../../wire/passed.ts'
import { isMended } from '../byte-names.ts'
import { compareNames, findFault, isReserved, leadsTo, RESERVED } from '../names.ts'
import { createWalkKeeper, enter, type Walk, type Wanted } from '../objects/listing-walk.ts'
import type { ListedObject, ObjectInfo, ObjectPage } from '../objects/objects.ts'
import type { Reply } from '../remote/replies.ts'
import { noListing, type WebEntry } from './listing/entries.ts'
import { type AskDirectory, createDirectoryReader, type ReadDirectory } from './listing/read-directory.ts'
import { toVersion } from './web-versions.ts'

/** What HEAD shows of a listed path: a file, a directory, nothing, or only that it cannot be read. */
export type Looked = ObjectInfo | 'directory' | 'unreadable' | null

export interface AskWeb extends AskDirectory {
  /** Asks for what a directory lists under this key. */
  look(key: string): Promise<Looked>
}

/** A listed entry, which may be either a file or a directory until HEAD shows which. */
interface Item extends ListedObject {
  readonly isUnknown?: true
  /** As of `WebEntry`. */
  readonly isLinked?: true
}

interface WebWalk extends Walk<Item> {
  readonly read: (path: string) => Promise<ReadDirectory | null>
}

/**
 * Lists the files of a web server that lists its directories, page by page in byte order, one directory after
 * another; rejects with `unreadable` for other servers. The next page continues with the directories read for
 * the last one, if it comes soon. What a listing has without its kind and size is asked for by HEAD, and
 * counts as skipped when that does not show it. A directory's key ends in a slash; one that no valid name
 * leads through is not read, and counts as skipped. Bytes that are not UTF-8 are as by `decodeBytes`.
 */
export function createWebListing() {
  const walks = createWalkKeeper<WebWalk>()

  async function begin(wanted: Wanted, ask: AskWeb): Promise<{ walk: WebWalk; objects: ListedObject[] }> {
    const read = createDirectoryReader(ask)
    const root = toItems((await read('')) ?? EMPTY, '', wanted)
    return { walk: { open: [root], read, begun: Date.now() }, objects: [] }
  }

  return async function list(wanted: Wanted, ask: AskWeb): Promise<ObjectPage> {
    const { prefix, limit } = wanted
    if (isReserved(prefix)) return { objects: [], isLast: true }
    const { walk, objects } = walks.resume(wanted) ?? (await begin(wanted, ask))
    const { open, read } = walk
    for (let items = open.at(-1); items !== undefined && objects.length < limit; items = open.at(-1)) {
      if (items.at(-1)?.isUnknown) {
        await lookAhead(items, limit - objects.length, wanted, ask)
        continue
      }
      const item = items.pop()
      if (item === undefined) open.pop()
      else if (item.passed !== undefined) objects.push(item)
      else if (item.key.endsWith('/')) {
        const directory = await read(item.key)
        if (directory !== null) enter(open, toItems(directory, item.key, wanted), 'the web server')
        else if (isMended(item.key)) objects.push({ ...item, passed: 'not-utf-8' })
        else if (item.isLinked) objects.push({ ...item, passed: 'other' })
      } else {
        const isLost = isMended(item.key) && (await ask.look(item.key)) === null
        objects.push(isLost ? { ...item, passed: 'not-utf-8' } : item)
      }
    }
    return walks.toPage(wanted, { walk, objects })
  }
}

/** A root that is gone has nothing to list. */
const EMPTY: ReadDirectory = { entries: [], headers: { get: () => null } }

/** Replaces the next unknown entries, `most` at most, by what HEAD shows them to be. */
async function lookAhead(items: Item[], most: number, wanted: Wanted, ask: AskWeb): Promise<void> {
  const keys: string[] = []
  while (keys.length < most && items.at(-1)?.isUnknown) keys.push(items.pop()?.key ?? '')
  const limit = createLimit(MAX_OBJECTS_AT_ONCE)
  let hasFailed = false
  const look = (key: string) =>
    limit.run(async () => {
      if (hasFailed) return null
      try {
        return toLooked(key, await ask.look(key))
      } catch (error) {
        hasFailed = true
        throw error
      }
    })
  // The first one alone, since what it shows of the server is not asked for again.
  const first = await Promise.all(keys.slice(0, 1).map(look))
  const looked = [...first, ...(await Promise.all(keys.slice(1).map(look)))]
  for (const item of looked.reverse()) if (item !== null && leadsTo(item.key, wanted)) insert(items, item)
}

function toLooked(key: string, looked: Looked): Item {
  if (looked === 'directory') return toDirectory(key)
  // A name that HEAD does not show may be written in a way that is not understood.
  if (looked === null) return toPassed(key, isMended(key) ? 'not-utf-8' : 'other')
  return looked === 'unreadable' ? toPassed(key, 'other') : looked
}

/** Inserts an entry where it belongs, which is near the end: a directory sorts after files by its slash. */
function insert(items: Item[], item: Item): void {
  let at = items.length
  while (at > 0 && compareNames(items[at - 1]?.key ?? '', item.key) < 0) at--
  if (items[at - 1]?.key !== item.key) items.splice(at, 0, item)
}

/** A directory's entries that may lead to wanted files, the next one last. */
function toItems({ entries, headers }: ReadDirectory, path: string, wanted: Wanted): Item[] {
  const items = entries.flatMap((entry) => toItem(entry, path, headers) ?? [])
  items.sort((a, b) => compareNames(b.key, a.key))
  const marked = items.map((item, i) => {
    if (item.key !== items[i - 1]?.key && item.key !== items[i + 1]?.key) return item
    if (!isMended(item.key)) throw noListing(path, 'it has one name twice')
    return toPassed(item.key, 'not-utf-8')
  })
  return marked.filter(
    ({ key, isUnknown }) => leadsTo(key, wanted) || (isUnknown && leadsTo(`${key}/`, wanted)),
  )
}

/** Null for the directory itself and for its parent. */
function toItem(
  { name, is, isLinked, marks }: WebEntry,
  path: string,
  headers: Reply['headers'],
): Item | null {
  if (name === '' || name === '.' || name === '..') return null
  const key = path + name
  if (key === RESERVED) return null
  if (name.includes('/')) return toPassed(key, 'other')
  if (is === 'directory') return { ...toDirectory(key), ...(isLinked && { isLinked }) }
  const fault = is === 'unknown' ? findFault(key) : null
  if (fault !== null) return toPassed(key, fault)
  if (is === 'unknown') return { ...toPassed(key, undefined), isUnknown: true }
  if (is !== 'file' || marks === undefined) return toPassed(key, is === 'file' ? 'other' : is)
  const { size, modified } = marks
  return { key, size, modified, version: toVersion(marks, headers), stored: undefined }
}

/** Enters no directory that no valid name leads through, so none too deep: listings may form a circle. */
function toDirectory(path: string): Item {
  return toPassed(`${path}/`, findFault(`${path}/x`) ?? undefined)
}

function toPassed(key: string, passed: PassedKind | undefined): Item {
  return { key, size: 0, modified: null, version: null, stored: undefined, passed }
}
