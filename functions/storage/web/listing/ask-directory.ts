import { StorageError } from '../../../wire/storage-error.ts'
import type { Reply } from '../../remote/replies.ts'
import { type Absence, isAbsence } from '../web-absence.ts'
import { type AskOptions, isBusy, isFailing, toFailure, toPath, type WebClient } from '../web-client.ts'
import { WANTED_PROPERTIES } from './dav-listing.ts'
import type { AskDirectory } from './read-directory.ts'

/** The question for the members of a collection (RFC 4918 §9.1). */
const PROPFIND = {
  method: 'PROPFIND',
  headers: { Depth: '1', 'Content-Type': 'application/xml' },
  body: WANTED_PROPERTIES,
} as const

/** Asks for the directories of a web server, until `signal` is aborted. */
export function createAskDirectory(
  client: WebClient,
  absence: Absence,
  signal: AbortSignal | undefined,
): AskDirectory {
  /** Asks for a directory's listing, or its members in WebDAV; resolves with null if it is gone. */
  async function askListing(path: string, init: Omit<AskOptions, 'signal'>): Promise<Reply | null> {
    const reply = await client.ask(toPath(path), { ...init, signal })
    const { status } = reply
    if (!isAbsence(reply) && status !== 401 && status !== 403 && !isFailing(reply)) return reply
    await reply.body?.cancel()
    if (isBusy(reply) || (isFailing(reply) && init.method === undefined)) throw toFailure(reply)
    // The root is never absent; another directory may have gone since it was listed.
    if (path !== '' && (await absence.find(reply, path, signal)) !== undefined) return null
    // The files may be readable all the same.
    const message = `the web server shows no listing of the directory (status ${status})`
    throw new StorageError('unreadable', message, { reason: 'http_request_denied' })
  }

  async function isDav(): Promise<boolean> {
    const reply = await client.ask('', { method: 'OPTIONS', signal })
    await reply.body?.cancel()
    return reply.status < 300 && /(^|,)\s*1\s*(,|$)/.test(reply.headers.get('DAV') ?? '')
  }

  return {
    toUrl: (path) => client.url + toPath(path),
    page: (path, accept) => askListing(path, { headers: { Accept: accept } }),
    members: (path) => askListing(path, PROPFIND),
    isDav,
    measure: (key) => client.measure(toPath(key), signal),
  }
}
