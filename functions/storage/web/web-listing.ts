import * as v from 'valibot'
import { readText } from '../../bytes/chunks.ts'
import { parseHttpDate } from '../../wire/fields/dates.ts'
import { parseJsonItems } from '../../wire/json/parse-items.ts'
import {
  MAX_WEB_ENTRIES,
  MAX_WEB_ENTRY_LENGTH,
  MAX_WEB_HELD_ENTRIES,
  MAX_WEB_LISTING_BYTES,
  WEB_LISTING_MS,
} from '../../wire/limits.ts'
import type { PassedKind } from '../../wire/passed.ts'
import { size } from '../../wire/schemas.ts'
import { StorageError } from '../../wire/storage-error.ts'
import { formatNumber } from '../../wire/text.ts'
import { decodeBytes, isMended } from '../byte-names.ts'
import { compareNames, findFault, leadsTo, RESERVED } from '../names.ts'
import type { ListedObject, ObjectPage } from '../objects/objects.ts'
import { mapErrors, type Reply } from '../remote/replies.ts'
import { toVersion } from './web-versions.ts'

interface AskWeb {
  /** Asks for the listing of a directory, '' or with a slash at its end; resolves with null if it is gone. */
  listing(path: string): Promise<Reply | null>
  /** Whether it has a file of this key. */
  has(key: string): Promise<boolean>
}

/** The arguments of `Objects.list`. */
interface Wanted {
  readonly prefix: string
  readonly after: string
  readonly limit: number
}

/** An entry of nginx's `autoindex_format json` (ngx_http_autoindex_module) or of Caddy's `browse`. */
const listed = v.union([
  v.object({ name: v.string(), is_dir: v.boolean(), size, mod_time: v.string(), mode: v.optional(size) }),
  v.object({ name: v.string(), type: v.literal('file'), size, mtime: v.string() }),
  v.object({ name: v.string(), type: v.picklist(['directory', 'other']) }),
])

/** A depth-first walk: a stack of directories, each with its remaining entries in reverse order. */
interface Walk {
  readonly open: ListedObject[][]
  /** Milliseconds since 1970. */
  readonly begun: number
}

/** A walk that is not finished, and the entries of its last page, which came after `after`. */
interface Unfinished extends Walk {
  readonly prefix: string
  readonly after: string
  readonly given: readonly ListedObject[]
}

/**
 * Lists the files of a web server that lists directories in JSON, page by page in byte order, one directory
 * after another; rejects with `unreadable` for other servers. The next page continues with the directories
 * read for the last one, if it comes soon. A directory's key ends in a slash; one that no valid name leads
 * through is not read, and counts as skipped. Bytes that are not UTF-8 are as by `decodeBytes`.
 */
export function createWebListing() {
  let unfinished: Unfinished | null = null

  /** The walk whose last page contains `after`, or began after it, and the entries of that page after it. */
  function resume({ prefix, after }: Wanted): { walk: Walk; objects: ListedObject[] } | null {
    const held = unfinished
    if (held?.prefix !== prefix || Date.now() - held.begun > WEB_LISTING_MS) return null
    const at = held.given.findIndex(({ key }) => key === after)
    // A listing from the beginning is a new question, which earlier answers must not serve.
    if (at < 0 && (after === '' || held.after !== after)) return null
    // No other caller may continue it meanwhile.
    unfinished = null
    return { walk: held, objects: held.given.slice(at + 1) }
  }

  async function begin(wanted: Wanted, ask: AskWeb) {
    const root = (await readDirectory('', wanted, ask)) ?? []
    const walk: Walk = { open: [root], begun: Date.now() }
    return { walk, objects: [] }
  }

  return async function list(wanted: Wanted, ask: AskWeb): Promise<ObjectPage> {
    const { prefix, after, limit } = wanted
    if (prefix.startsWith(`${RESERVED}/`)) return { objects: [], isLast: true }
    const { walk, objects } = resume(wanted) ?? (await begin(wanted, ask))
    const { open, begun } = walk
    for (let items = open.at(-1); items !== undefined && objects.length < limit; items = open.at(-1)) {
      const item = items.pop()
      if (item === undefined) open.pop()
      else if (item.passed !== undefined) objects.push(item)
      else if (item.key.endsWith('/')) {
        const items = await readDirectory(item.key, wanted, ask)
        if (items !== null) hold(open, items)
        else if (isMended(item.key)) objects.push({ ...item, passed: 'not-utf-8' })
      } else {
        const isLost = isMended(item.key) && !(await ask.has(item.key))
        objects.push(isLost ? { ...item, passed: 'not-utf-8' } : item)
      }
    }
    const isLast = open.length === 0 && objects.length <= limit
    if (!isLast) unfinished = { open, begun, prefix, after, given: objects }
    return { objects: objects.slice(0, limit), isLast }
  }
}

/** Enters a directory; throws `unreadable` when too many entries are held, as if a server invents them. */
function hold(open: ListedObject[][], items: ListedObject[]): void {
  const held = open.reduce((sum, { length }) => sum + length, items.length)
  if (held > MAX_WEB_HELD_ENTRIES) {
    const most = formatNumber(MAX_WEB_HELD_ENTRIES)
    const message = `the web server lists more than ${most} entries in directories inside each other`
    throw new StorageError('unreadable', message, { reason: 'http_response_body_size' })
  }
  open.push(items)
}

/** A directory's entries that may lead to wanted files, the next one last; null when it is gone. */
async function readDirectory(path: string, wanted: Wanted, ask: AskWeb): Promise<ListedObject[] | null> {
  const reply = await ask.listing(path)
  if (reply === null) return null
  const items = await readItems(reply, path)
  items.sort((a, b) => compareNames(b.key, a.key))
  const marked = items.map((item, i) => {
    if (item.key !== items[i - 1]?.key && item.key !== items[i + 1]?.key) return item
    if (!isMended(item.key)) throw noListing()
    return { ...item, passed: 'not-utf-8' } as const
  })
  return marked.filter(({ key }) => leadsTo(key, wanted))
}

async function readItems(reply: Reply, path: string): Promise<ListedObject[]> {
  const isJson = /^application\/json\b/i.test(reply.headers.get('Content-Type') ?? '')
  if (reply.status !== 200 || !isJson || reply.body === null) {
    await reply.body?.cancel()
    throw noListing()
  }
  const text = await readText(mapErrors(reply.body), MAX_WEB_LISTING_BYTES, decodeBytes)
  if (text === null) throw noListing()
  const read = await parseJsonItems(listed, text, { items: MAX_WEB_ENTRIES, length: MAX_WEB_ENTRY_LENGTH })
  if (!read.success) throw noListing()
  return read.output.flatMap((entry) => toItem(entry, path, reply) ?? [])
}

/** Null for the directory itself and for its parent. */
function toItem(entry: v.InferOutput<typeof listed>, path: string, { headers }: Reply): ListedObject | null {
  const name = entry.name.replace(/\/$/, '')
  if (name === '' || name === '.' || name === '..') return null
  const key = path + name
  if (key === RESERVED) return null
  if (name.includes('/')) return toPassed(key, 'other')
  if ('type' in entry ? entry.type === 'directory' : entry.is_dir) return toDirectory(key)
  if (!('size' in entry)) return toPassed(key, 'special')
  const special = 'mode' in entry ? findSpecial(entry.mode) : undefined
  if (special !== undefined) return toPassed(key, special)
  const modified = 'type' in entry ? parseHttpDate(entry.mtime) : parseTime(entry.mod_time)
  const version = toVersion({ size: entry.size, modified, etag: '' }, headers)
  return { key, size: entry.size, modified, version, stored: undefined }
}

/** A special file's kind by Go's `fs.FileMode`: Caddy lists it as a file, and never answers for a FIFO. */
function findSpecial(mode = 0): PassedKind | undefined {
  const has = (bit: number) => Math.floor(mode / 2 ** bit) % 2 === 1
  return has(25) ? 'fifo' : has(24) ? 'socket' : has(26) ? 'device' : undefined
}

/** Enters no directory that no valid name leads through, so none too deep: listings may form a circle. */
function toDirectory(path: string): ListedObject {
  return toPassed(`${path}/`, findFault(`${path}/x`) ?? undefined)
}

function toPassed(key: string, passed: PassedKind | undefined): ListedObject {
  return { key, size: 0, modified: null, version: null, stored: undefined, passed }
}

/** Milliseconds since 1970; null for an invalid time. */
function parseTime(text: string): number | null {
  const time = Date.parse(text)
  return Number.isNaN(time) ? null : time
}

function noListing(): StorageError {
  return new StorageError(
    'unreadable',
    "the web server offers no listing that vouch reads: nginx's autoindex_format json, or Caddy's file_server browse",
    { reason: 'http_protocol_error' },
  )
}
