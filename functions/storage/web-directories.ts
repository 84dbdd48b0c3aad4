import { StorageError } from '../wire/trouble.ts'
import type { Reply } from './replies.ts'

/** Asks for the fields of a path below the directory of a web server. */
type AskHead = (path: string) => Promise<Reply>

/**
 * Whether the server shows a file for whatever follows the name of one, `path` being that of a file. Rejects with
 * `unreachable` when it shows a page for a name that no file has: it would for any other.
 */
export async function tryOut(path: string, askHead: AskHead): Promise<boolean> {
  const { status } = await askHead(toProbe(''))
  if (status === 200) {
    throw new StorageError('unreachable', 'the web server shows a page even for a file that is not there', {
      reason: 'http_protocol_error',
    })
  }
  return isShown(await askHead(toProbe(`${path}/`)))
}

/** A path in this directory ('' or with a slash at its end) that no file has. */
export function toProbe(directory: string): string {
  return `${directory}vouch-probe-${crypto.randomUUID()}`
}

/** Whether a file is where the directory of `path` would be, of a server that ignores what follows its name (lighttpd). */
export async function isBelowFile(path: string, askHead: AskHead): Promise<boolean> {
  const end = path.lastIndexOf('/')
  return end > 0 && isShown(await askHead(toProbe(path.slice(0, end + 1))))
}

/**
 * Whether `reply`, the 200 that the server gave to HEAD for `path`, is the page of a directory: some servers show one, or
 * the index page in it, without the slash at its end (local-web-server, sirv, nginx with `try_files $uri/index.html`).
 * Costs nothing for a file that has a time and is not HTML, and up to three requests for another. Rejects with
 * `unreadable` where the server's answers do not tell.
 */
export async function isDirectoryPage(reply: Reply, path: string, askHead: AskHead): Promise<boolean> {
  const hasTime = reply.headers.get('Last-Modified') !== null
  if (hasTime && !isHtml(reply)) return false
  const slashed = await askHead(`${path}/`)
  if (!isShown(slashed)) return false
  // Some ignore whatever follows the name of a file (lighttpd).
  if (isShown(await askHead(toProbe(`${path}/`)))) return false
  if (isShown(await askHead(`${path}/index.html`))) return true
  // Some ignore the slash behind a file (http-server): both addresses then lead to one content.
  if (!isSame(reply, slashed)) return true
  if (hasTime) return false
  throw new StorageError(
    'unreadable',
    'the web server shows the same for a file and for a directory of this name',
    {
      reason: 'http_protocol_error',
    },
  )
}

/** Whether something is shown: many servers forbid a look into a directory that is there. */
export function isShown({ status }: Reply): boolean {
  return status === 200 || status === 403
}

function isHtml({ headers }: Reply): boolean {
  return /^(text\/html|application\/xhtml\+xml)\b/i.test(headers.get('Content-Type') ?? '')
}

function isSame(one: Reply, other: Reply): boolean {
  return (
    one.status === other.status &&
    FIELDS.every((field) => one.headers.get(field) === other.headers.get(field))
  )
}

const FIELDS = ['Last-Modified', 'ETag', 'Content-Length']
