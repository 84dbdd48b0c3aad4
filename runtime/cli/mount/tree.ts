import { LRUCache } from 'lru-cache'
import { type Chunks, exactly } from '../../../functions/bytes/chunks.ts'
import { parseTimeFields } from '../../../functions/http/serve-content.ts'
import { parseName } from '../../../functions/storage/names.ts'
import type { Reply } from '../../../functions/storage/remote/replies.ts'
import { parseDavListing, parseDavResource } from '../../../functions/storage/web/listing/dav-listing.ts'
import type { WebEntry } from '../../../functions/storage/web/listing/entries.ts'
import { parseEtag, toEtag } from '../../../functions/wire/fields/fields.ts'
import { parseContentRange } from '../../../functions/wire/fields/ranges.ts'
import { toNamedPath } from '../../../functions/wire/fields/routes.ts'
import { UserError } from '../../node/user-error.ts'
import {
  type CoordinatorClient,
  catchBroken,
  NOT_A_COORDINATOR,
  NotACoordinator,
  parseContent,
  readBody,
  readProblem,
  toUserError,
} from '../client/coordinator-client.ts'
import { MAX_FOLDER_BYTES, MAX_SHOWN, SHOWN_MS } from './limits.ts'
import { createOpenFile, type OpenFile, type OpenPart } from './open-file.ts'

/** What is known of a file or a folder. */
export interface Found {
  readonly isFolder: boolean
  /** Bytes. */
  readonly size: number
  /** Milliseconds since 1970; null when it is not known. */
  readonly modified: number | null
  /** Of the content of a file; absent while it is not known, as where the copies differ, and of a folder. */
  readonly etag?: string | undefined
}

/** What is in a folder. */
export interface TreeEntry {
  /** One segment. */
  readonly name: string
  readonly isFolder: boolean
}

/**
 * The files of a coordinator, as its `/dav/` shows them: beside a file whose copies differ, a file for each
 * copy. The name of the root is empty. Each method rejects with a UserError, of kind `not-found` only when
 * every replica has said that there is no such file, and otherwise of another kind.
 */
export interface Tree {
  find(name: string): Promise<Found>
  list(folder: string): Promise<readonly TreeEntry[]>
  /**
   * Compares the copies, and opens the content on which they agree, which the file then has for good. The
   * caller rests it at the end.
   */
  open(name: string): Promise<{ readonly file: OpenFile; readonly etag: string }>
}

const BASE = '/dav/'
const FOLDER: Found = { isFolder: true, size: 0, modified: null }

/** The tree of the coordinator that `ask` asks, with the query of its compared reads. */
export function createTree(ask: CoordinatorClient, query: string): Tree {
  const shown = new LRUCache<string, Found>({ max: MAX_SHOWN, ttl: SHOWN_MS })

  async function askProperties(path: string, depth: '0' | '1'): Promise<string> {
    const response = await ask(path + query, { method: 'PROPFIND', fields: { Depth: depth } })
    if (response.status !== 207) throw toUserError(await readProblem(response))
    const text = await readBody(response, MAX_FOLDER_BYTES)
    if (text === null) throw new NotACoordinator('the listing of the folder is too long')
    return text
  }

  /** Opens a part of the content with this digest. */
  async function openPart(name: string, { digest, size }: Content, offset: number, end: number) {
    const etag = toEtag(digest)
    // A name beside a conflict is of one replica, whatever version is asked for.
    const fields = { 'If-Match': etag, Range: `bytes=${offset}-${end - 1}` }
    const response = await ask(`${toNamedPath(BASE, name)}?version=${digest}`, { fields })
    if (response.status === 404) throw await toGone(response)
    if (response.status !== 206) throw await toRefusal(response)
    const part = parseContentRange(response.headers.get('Content-Range') ?? '')
    const isWanted = part?.offset === offset && part.length === end - offset && part.size === size
    if (!isWanted || response.headers.get('ETag') !== etag) throw await toStranger(response)
    return toBody(response, end - offset)
  }

  return {
    async find(name) {
      const before = name === '' ? FOLDER : shown.get(name)
      if (before !== undefined) return before
      const entry = await parseDavResource(await askProperties(toNamedPath(BASE, name), '0'))
      const found = entry && toFound(entry)
      if (found === null) throw new NotACoordinator(NOT_A_COORDINATOR)
      shown.set(name, found)
      return found
    },
    async list(folder) {
      const prefix = folder === '' ? '' : `${folder}/`
      const path = toNamedPath(BASE, prefix)
      const entries = await parseDavListing(await askProperties(path, '1'), `http://localhost${path}`)
      if (entries === null) throw new NotACoordinator(`the listing of '${folder}' is not whole`)
      return entries.flatMap((entry) => {
        const found = toFound(entry)
        if (found === null || parseName(prefix + entry.name) === null) return []
        shown.set(prefix + entry.name, found)
        return [{ name: entry.name, isFolder: found.isFolder }]
      })
    },
    async open(name) {
      const response = await ask(toNamedPath(BASE, name) + query)
      if (response.status !== 200) throw await toRefusal(response)
      const content = parseContent(response.headers)
      const etag = response.headers.get('ETag') ?? ''
      if (content === null || etag !== toEtag(content.digest)) throw await toStranger(response)
      const { size } = content
      shown.set(name, { isFolder: false, size, modified: parseTimeFields(response.headers), etag })
      const first = toBody(response, size)
      const open: OpenPart = (offset, end) => openPart(name, content, offset, end)
      return { file: createOpenFile({ name, size }, first, open), etag }
    },
  }
}

type Content = NonNullable<ReturnType<typeof parseContent>>

function toBody({ body }: Reply, length: number): Chunks {
  if (body === null) throw new NotACoordinator(NOT_A_COORDINATOR)
  return exactly(catchBroken(body), length)
}

async function toRefusal(response: Reply): Promise<Error> {
  return response.status >= 400 ? toUserError(await readProblem(response)) : await toStranger(response)
}

/** The file is there, but not with the content that was opened. */
async function toGone({ body }: Reply): Promise<Error> {
  await body?.cancel()
  return new UserError('no replica has the content any more that was opened', 'changed-while-reading')
}

async function toStranger({ body }: Reply): Promise<Error> {
  await body?.cancel()
  return new NotACoordinator(NOT_A_COORDINATOR)
}

/** Null for what is neither a file nor a folder. */
function toFound({ is, marks }: Pick<WebEntry, 'is' | 'marks'>): Found | null {
  if (is === 'directory') return FOLDER
  if (is !== 'file' || marks === undefined) return null
  const { size, modified, etag } = marks
  // The ETag of a file whose copies differ is that of no content.
  return { isFolder: false, size, modified, etag: parseEtag(etag ?? '') === null ? undefined : etag }
}
