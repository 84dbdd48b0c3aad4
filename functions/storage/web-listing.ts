import * as v from 'valibot'
import { parseHttpDate } from '../wire/dates.ts'
import { MAX_WEB_LISTING_BYTES, WEB_LISTING_MS } from '../wire/limits.ts'
import { StorageError } from '../wire/trouble.ts'
import { compareNames, parseName, RESERVED } from './names.ts'
import type { ObjectInfo, ObjectPage } from './objects.ts'
import { mapErrors, type Reply } from './replies.ts'
import { readText } from './streams.ts'
import { toVersion } from './web-versions.ts'

/** Asks for the listing of a directory, '' or with a slash at its end; null when it is gone. */
type AskListing = (path: string) => Promise<Reply | null>

/** What is wanted, as `Objects.list` has it. */
interface Wanted {
  readonly prefix: string
  readonly after: string
  readonly limit: number
}

const size = v.pipe(v.number(), v.safeInteger(), v.minValue(0))

/** The entries of nginx's `autoindex_format json` (ngx_http_autoindex_module), and of Caddy's `file_server browse`. */
const entries = v.array(
  v.union([
    v.object({ name: v.string(), is_dir: v.boolean(), size, mod_time: v.string() }),
    v.object({ name: v.string(), type: v.literal('file'), size, mtime: v.string() }),
    v.object({ name: v.string(), type: v.picklist(['directory', 'other']) }),
  ]),
)

/** A way through the directories: those on the way down, the innermost last; what is left of each, the next one last. */
interface Walk {
  readonly open: ObjectInfo[][]
  /** Milliseconds since 1970. */
  readonly begun: number
}

/** A walk that is not at its end, and the files that its last page had, behind which name. */
interface Unfinished extends Walk {
  readonly prefix: string
  readonly after: string
  readonly given: readonly ObjectInfo[]
}

/**
 * Lists the files of a web server that lists its directories in JSON, page by page in byte order, one directory after
 * the other; rejects with `unreadable` where it does not. Who asks for the next page soon goes on with directories
 * that are read already. The key of a directory ends in a slash.
 */
export function createWebListing() {
  let unfinished: Unfinished | null = null

  /** The walk whose last page began or went on behind `after`, and what that page had from there. */
  function resume({ prefix, after }: Wanted): { walk: Walk; objects: ObjectInfo[] } | null {
    const held = unfinished
    if (held?.prefix !== prefix || Date.now() - held.begun > WEB_LISTING_MS) return null
    const at = held.given.findIndex(({ key }) => key === after)
    if (at < 0 && held.after !== after) return null
    // Nobody else may go on with it meanwhile.
    unfinished = null
    return { walk: held, objects: held.given.slice(at + 1) }
  }

  async function begin(wanted: Wanted, ask: AskListing) {
    const walk: Walk = { open: [await readDirectory('', wanted, ask)], begun: Date.now() }
    return { walk, objects: [] }
  }

  return async function list(wanted: Wanted, ask: AskListing): Promise<ObjectPage> {
    const { prefix, after, limit } = wanted
    if (prefix.startsWith(`${RESERVED}/`)) return { objects: [], isLast: true }
    const { walk, objects } = resume(wanted) ?? (await begin(wanted, ask))
    const { open, begun } = walk
    for (let items = open.at(-1); items !== undefined && objects.length < limit; items = open.at(-1)) {
      const item = items.pop()
      if (item === undefined) open.pop()
      else if (item.key.endsWith('/')) open.push(await readDirectory(item.key, wanted, ask))
      else objects.push(item)
    }
    const isLast = open.length === 0 && objects.length <= limit
    if (!isLast) unfinished = { open, begun, prefix, after, given: objects }
    return { objects: objects.slice(0, limit), isLast }
  }
}

/** What of a directory is wanted, the next one last; nothing when it is gone. */
async function readDirectory(path: string, wanted: Wanted, ask: AskListing): Promise<ObjectInfo[]> {
  const reply = await ask(path)
  if (reply === null) return []
  const items = await readItems(reply, path)
  items.sort((a, b) => compareNames(b.key, a.key))
  if (items.some(({ key }, i) => key === items[i + 1]?.key)) throw noListing()
  return items.filter(({ key }) => canHold(key, wanted))
}

async function readItems(reply: Reply, path: string): Promise<ObjectInfo[]> {
  const isJson = /^application\/json\b/i.test(reply.headers.get('Content-Type') ?? '')
  if (reply.status !== 200 || !isJson || reply.body === null) {
    await reply.body?.cancel()
    throw noListing()
  }
  const text = await readText(mapErrors(reply.body), MAX_WEB_LISTING_BYTES)
  const read = v.safeParse(entries, text && parseJson(text))
  if (!read.success) throw noListing()
  return read.output.flatMap((entry) => toItem(entry, path, reply) ?? [])
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** Null for what is neither file nor directory, or bears a name that no entry of a directory has. */
function toItem(
  entry: v.InferOutput<typeof entries>[number],
  path: string,
  { headers }: Reply,
): ObjectInfo | null {
  const name = entry.name.replace(/\/$/, '')
  if (name === '' || name === '.' || name === '..' || name.includes('/')) return null
  const key = path + name
  if ('type' in entry ? entry.type === 'directory' : entry.is_dir) return toDirectory(key)
  if (!('size' in entry)) return null
  const modified = 'type' in entry ? parseHttpDate(entry.mtime) : parseTime(entry.mod_time)
  const version = toVersion({ size: entry.size, modified, etag: '' }, headers)
  return { key, size: entry.size, modified, version, stored: undefined }
}

/** Null for one that lies so deep that no name reaches below it: a listing may go round in a circle. */
function toDirectory(path: string): ObjectInfo | null {
  if (parseName(`${path}/x`) === null) return null
  return { key: `${path}/`, size: 0, modified: null, version: null, stored: undefined }
}

/** Milliseconds since 1970; null for what is no time. */
function parseTime(text: string): number | null {
  const time = Date.parse(text)
  return Number.isNaN(time) ? null : time
}

function canHold(key: string, { prefix, after }: Wanted): boolean {
  if (!key.endsWith('/')) return key.startsWith(prefix) && compareNames(key, after) > 0
  const isOnTheWay = key.startsWith(prefix) || prefix.startsWith(key)
  return isOnTheWay && (compareNames(key, after) > 0 || after.startsWith(key))
}

function noListing(): StorageError {
  return new StorageError(
    'unreadable',
    "the web server offers no listing that vouch reads: nginx's autoindex_format json, or Caddy's file_server browse",
    { reason: 'http_protocol_error' },
  )
}
