import { StorageError } from '../../wire/storage-error.ts'
import type { Reply } from '../remote/replies.ts'

/** Asks for the fields of a path below the directory of a web server. */
type AskHead = (path: string) => Promise<Reply>

/**
 * Whether the server answers a path below the file `path` with that file. Rejects with `unreachable` when it
 * shows a page for a name that no file has, since it would do so for any other.
 */
export async function tryOut(path: string, askHead: AskHead): Promise<boolean> {
  const { status } = await askHead(toProbe(''))
  const message = 'the web server shows a page even for a file that does not exist'
  if (status === 200) throw new StorageError('unreachable', message, { reason: 'http_protocol_error' })
  return isShown(await askHead(toProbe(`${path}/`)))
}

/** A path in this directory ('' or with a slash at its end) that no file has. */
export function toProbe(directory: string): string {
  return `${directory}vouch-probe-${crypto.randomUUID()}`
}

/** Whether `path` lies below a file, on a server that ignores the rest of a path after a file (lighttpd). */
export async function isBelowFile(path: string, askHead: AskHead): Promise<boolean> {
  const end = path.lastIndexOf('/')
  return end > 0 && isShown(await askHead(toProbe(path.slice(0, end + 1))))
}

/**
 * Whether `reply`, the 200 to HEAD for `path`, is a directory's page: some servers show it, or its index,
 * without the slash (local-web-server, sirv, nginx with `try_files $uri/index.html`). Sends no request for a
 * file with a time that is not HTML, else up to three. Rejects with `unreadable` when undecided.
 */
export async function isDirectoryPage(reply: Reply, path: string, askHead: AskHead): Promise<boolean> {
  const hasTime = reply.headers.get('Last-Modified') !== null
  if (hasTime && !isHtml(reply)) return false
  const slashed = await askHead(`${path}/`)
  if (!isShown(slashed)) return false
  // Some servers ignore the rest of a path after a file (lighttpd).
  if (isShown(await askHead(toProbe(`${path}/`)))) return false
  if (isShown(await askHead(`${path}/index.html`))) return true
  // Some servers ignore the slash after a file (http-server), so that both addresses have one content.
  if (!isSame(reply, slashed)) return true
  if (hasTime) return false
  const message = 'the web server shows the same for a file and for a directory of this name'
  throw new StorageError('unreadable', message, { reason: 'http_protocol_error' })
}

/** Whether the path exists: many servers forbid the listing of an existing directory. */
export function isShown({ status }: Reply): boolean {
  return status === 200 || status === 403
}

function isHtml({ headers }: Reply): boolean {
  return /^(text\/html|application\/xhtml\+xml)\b/i.test(headers.get('Content-Type') ?? '')
}

function isSame(one: Reply, other: Reply): boolean {
  const isEqual = (field: string) => one.headers.get(field) === other.headers.get(field)
  return one.status === other.status && FIELDS.every(isEqual)
}

const FIELDS = ['Last-Modified', 'ETag', 'Content-Length']
