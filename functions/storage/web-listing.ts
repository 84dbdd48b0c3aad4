import * as v from 'valibot'
import { parseHttpDate, parseTimestamp } from '../wire/dates.ts'
import { MAX_WEB_LISTING_BYTES } from '../wire/limits.ts'
import { StorageError } from '../wire/trouble.ts'
import { compareNames, RESERVED } from './names.ts'
import type { ObjectInfo, ObjectPage } from './objects.ts'
import { mapErrors, type Reply } from './replies.ts'
import { readText } from './streams.ts'

/** Asks for the listing of a directory, '' or with a slash at its end; null when it is gone. */
type AskListing = (path: string) => Promise<Reply | null>

/** What is wanted, as `Objects.list` has it. */
interface Wanted {
  readonly prefix: string
  readonly after: string
  readonly limit: number
}

/** The entries of nginx's `autoindex_format json` (ngx_http_autoindex_module), and of Caddy's `file_server browse`. */
const entries = v.array(
  v.union([
    v.object({ name: v.string(), is_dir: v.boolean(), size: v.number(), mod_time: v.string() }),
    v.object({
      name: v.string(),
      type: v.string(),
      size: v.optional(v.number()),
      mtime: v.optional(v.string()),
    }),
  ]),
)

/** An entry of a directory: a file, or a directory with a slash at the end of its key. */
interface Item {
  readonly key: string
  readonly size: number
  readonly modified: number | null
}

/**
 * A page of the files of a web server that lists its directories in JSON, in byte order, one directory after the other;
 * `unreadable` where it does not. It tells no versions: a listing's times are to the second, and bear no ETags.
 */
export async function listWeb(wanted: Wanted, ask: AskListing): Promise<ObjectPage> {
  const objects: ObjectInfo[] = []
  // The directories on the way down, the innermost last; what is still to be visited of each, in order.
  const open: Item[][] = [await readDirectory('', wanted, ask)]
  for (let items = open[0]; items !== undefined; items = open.at(-1)) {
    const item = items.shift()
    if (item === undefined) open.pop()
    else if (item.key.endsWith('/')) open.push(await readDirectory(item.key, wanted, ask))
    else if (objects.length === wanted.limit) return { objects, isLast: false }
    else objects.push({ ...item, version: null, stored: undefined })
  }
  return { objects, isLast: true }
}

/** What of a directory is wanted, in the order of whole keys; nothing when it is gone. */
async function readDirectory(path: string, wanted: Wanted, ask: AskListing): Promise<Item[]> {
  const reply = await ask(path)
  if (reply === null) return []
  const items = await readItems(reply, path)
  return items.filter(({ key }) => canHold(key, wanted)).sort((a, b) => compareNames(a.key, b.key))
}

async function readItems(reply: Reply, path: string): Promise<Item[]> {
  const isJson = /^application\/json\b/i.test(reply.headers.get('Content-Type') ?? '')
  if (reply.status !== 200 || !isJson || reply.body === null) {
    await reply.body?.cancel()
    throw noListing()
  }
  const text = await readText(mapErrors(reply.body), MAX_WEB_LISTING_BYTES)
  if (text === null) throw noListing()
  const read = v.safeParse(entries, parseJson(text))
  if (!read.success) throw noListing()
  return read.output.flatMap((entry) => toItem(entry, path) ?? [])
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** Null for what is neither, or bears a name that no entry of a directory has. */
function toItem(entry: v.InferOutput<typeof entries>[number], path: string): Item | null {
  const name = entry.name.replace(/\/$/, '')
  if (name === '' || name === '.' || name === '..' || name.includes('/')) return null
  const isDirectory = 'type' in entry ? entry.type === 'directory' : entry.is_dir
  if (isDirectory) return { key: `${path}${name}/`, size: 0, modified: null }
  if ('type' in entry && entry.type !== 'file') return null
  const modified = 'type' in entry ? parseHttpDate(entry.mtime ?? '') : parseTimestamp(entry.mod_time)
  return { key: path + name, size: entry.size ?? 0, modified }
}

function canHold(key: string, { prefix, after }: Wanted): boolean {
  if (key === `${RESERVED}/`) return false
  if (!key.endsWith('/')) return key.startsWith(prefix) && compareNames(key, after) > 0
  const isOnTheWay = key.startsWith(prefix) || prefix.startsWith(key)
  return isOnTheWay && (compareNames(key, after) > 0 || after.startsWith(key))
}

function noListing(): StorageError {
  return new StorageError(
    'unreachable',
    "the web server offers no listing that vouch reads: nginx's autoindex_format json, or Caddy's file_server browse",
    { reason: 'http_protocol_error' },
  )
}
