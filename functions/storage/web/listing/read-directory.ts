import { readText } from '../../../bytes/chunks.ts'
import { MAX_WEB_LISTING_BYTES } from '../../../wire/limits.ts'
import { StorageError, settle } from '../../../wire/storage-error.ts'
import { formatNumber } from '../../../wire/text.ts'
import { decodeBytes, encodeBytes } from '../../byte-names.ts'
import { mapErrors, type Reply } from '../../remote/replies.ts'
import { isAbsence } from '../web-absence.ts'
import { isFailing, type Measured, toFailure } from '../web-client.ts'
import { parseDavListing } from './dav-listing.ts'
import { noListing, type WebEntry } from './entries.ts'
import { parseHtmlListing } from './html-listing.ts'
import { parseJsonListing } from './json-listing.ts'
import { parseXmlListing } from './xml-listing.ts'

/** What is asked of a web server for its listings. A path is '' or ends in a slash. */
export interface AskDirectory {
  /** The address of a directory. */
  toUrl(path: string): string
  /** Asks for the page of a directory in a media type of `accept`; resolves with null if it is gone. */
  page(path: string, accept: string): Promise<Reply | null>
  /** Asks for the members of a collection of WebDAV; resolves with null if it is gone. */
  members(path: string): Promise<Reply | null>
  /** Whether the server announces WebDAV. */
  isDav(): Promise<boolean>
  /** Asks for the fields of a file. */
  measure(key: string): Promise<Measured>
}

/** The entries of a directory, and the fields of the answer that had them. */
export interface ReadDirectory {
  readonly entries: readonly WebEntry[]
  readonly headers: Reply['headers']
}

/** A page in HTML, which only its links show to be a listing. */
interface Html {
  readonly html: string
  readonly headers: Reply['headers']
}

/**
 * Returns a function that reads the directories of one server; it resolves with null for one that is gone. A
 * listing in JSON or XML has what is needed, in one request. In place of any other page a server that
 * announces WebDAV is asked for that, which has sizes and times too; only then are the links of HTML read.
 */
export function createDirectoryReader(ask: AskDirectory) {
  /** Whether the server lists by WebDAV; null until that is needed. */
  let isDav: boolean | null = null

  return async function read(path: string): Promise<ReadDirectory | null> {
    if (isDav === true) return await readMembers(path, ask)
    const shown = await settle(readShown(path, ask))
    if (shown === null || 'entries' in shown) return shown
    if (shown instanceof StorageError && shown.code !== 'unreadable') throw shown
    if (isDav === null && (await ask.isDav())) {
      const members = await settle(readMembers(path, ask))
      isDav = !(members instanceof StorageError)
      if (!(members instanceof StorageError)) return members
      if (members.code !== 'unreadable') throw members
    }
    isDav = false
    if (shown instanceof StorageError) throw shown
    return await readLinks(path, shown, ask)
  }
}

/** The listing that the server shows of a directory, or its page when that is HTML. */
async function readShown(path: string, ask: AskDirectory): Promise<ReadDirectory | Html | null> {
  const reply = await ask.page(path, ANY)
  if (reply === null) return null
  const kind = toKind(reply)
  const text = await readWhole(reply, path, kind === null ? null : 200)
  const { headers } = reply
  if (kind === 'html') return { html: text, headers }
  const entries = kind === 'json' ? await parseJsonListing(text, path) : await parseXmlListing(text)
  if (entries !== null) return { entries, headers }
  if (kind === 'xml') throw noListing(path, 'XML of another kind')
  return await readHtml(path, ask)
}

/** The page in HTML of a server whose JSON is of another kind. */
async function readHtml(path: string, ask: AskDirectory): Promise<Html | null> {
  const reply = await ask.page(path, 'text/html')
  if (reply === null) return null
  const text = await readWhole(reply, path, toKind(reply) === 'html' ? 200 : null)
  return { html: text, headers: reply.headers }
}

/** Asks for a listing in JSON, or in the only format that the server has. */
const ANY = 'application/json, text/html;q=0.9, */*;q=0.8'

async function readMembers(path: string, ask: AskDirectory): Promise<ReadDirectory | null> {
  const reply = await ask.members(path)
  if (reply === null) return null
  const text = await readWhole(reply, path, toKind(reply) === 'xml' ? 207 : null)
  const entries = await parseDavListing(text, ask.toUrl(path))
  if (entries === null) throw noListing(path, 'an answer of WebDAV about something else')
  return { entries, headers: reply.headers }
}

/** Reads a listing by its links, unless the page is that of an index file. */
async function readLinks(path: string, { html, headers }: Html, ask: AskDirectory): Promise<ReadDirectory> {
  const entries = await parseHtmlListing(html, ask.toUrl(path))
  if (entries === null) {
    throw noListing(path, 'its page is not one, and may be that of an index file')
  }
  // A copy of a listing, as a mirroring program leaves, looks like one.
  const { reply, size } = await ask.measure(`${path}${INDEX}`)
  if (isAbsence(reply)) return { entries, headers }
  if (isFailing(reply)) throw toFailure(reply)
  const isListed = entries.some(({ name }) => name === INDEX)
  const isAnother = size !== null && size !== encodeBytes(html).length
  if (reply.status === 200 && isListed && isAnother) return { entries, headers }
  // Go redirects the name of an index page to the directory, whether or not there is one.
  const why = reply.status === 200 ? 'is' : `may be (status ${reply.status})`
  throw noListing(path, `the page ${why} that of its ${INDEX}`)
}

const INDEX = 'index.html'

/** The kind of an answer by its media type; null for one that cannot be a listing. */
function toKind({ headers }: Reply): 'json' | 'xml' | 'html' | null {
  const type = /^[^\s;]*/.exec(headers.get('Content-Type') ?? '')?.[0].toLowerCase()
  if (type === 'application/json') return 'json'
  if (type === 'text/xml' || type === 'application/xml') return 'xml'
  return type === 'text/html' || type === 'application/xhtml+xml' ? 'html' : null
}

/** The text of an answer with this status; throws for any other answer, and for any when that is null. */
async function readWhole(reply: Reply, path: string, status: 200 | 207 | null): Promise<string> {
  const { body } = reply
  if (reply.status !== status || body === null) {
    await body?.cancel()
    throw noListing(path, `it answered with status ${reply.status} and no listing`)
  }
  const text = await readText(mapErrors(body), MAX_WEB_LISTING_BYTES, decodeBytes)
  if (text === null) throw noListing(path, `it has more than ${formatNumber(MAX_WEB_LISTING_BYTES)} bytes`)
  return text
}
