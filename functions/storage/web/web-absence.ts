import { attempt } from '../../wire/attempt.ts'
import { StorageError } from '../../wire/storage-error.ts'
import type { Reply } from '../remote/replies.ts'
import { isFailing, toFailure, toPath, type WebClient } from './web-client.ts'
import { isShown, toProbe } from './web-directories.ts'

export type Absence = ReturnType<typeof createAbsence>

/** Distinguishes an absent file from a lost directory. */
export function createAbsence({ url, askHead }: WebClient) {
  /** The path of a file that was there when it was last asked for. */
  let witness: string | null = null
  return {
    noteFile(path: string): void {
      witness = path
    },
    /**
     * What is there in place of a file: a directory, or null for nothing; undefined when the answer shows
     * neither. Rejects when the server shows neither the directory nor any file.
     */
    async find(
      reply: Reply,
      key: string,
      signal: AbortSignal | undefined,
    ): Promise<'directory' | null | undefined> {
      const path = toPath(key)
      if (isSlashed(reply, url + path)) {
        // Some servers add a slash to every name, be it that of a file, and send the file under both.
        const probe = toProbe(path.slice(0, path.lastIndexOf('/') + 1))
        const probed = await askHead(probe, signal)
        if (isFailing(probed)) throw toFailure(probed)
        return isSlashed(probed, url + probe) ? undefined : 'directory'
      }
      if (!isAbsence(reply)) return undefined
      const root = await askHead('', signal)
      if (isShown(root)) return null
      if (witness !== null && (await askHead(witness, signal)).status === 200) return null
      witness = null
      if (isFailing(root)) throw toFailure(root)
      const message = `the web server shows neither the file nor the directory (status ${root.status}): the file may be missing, or all of them out of reach`
      throw new StorageError('unreadable', message, { reason: 'http_response_incomplete' })
    },
  }
}

/** Whether the answer says that there is nothing. */
export function isAbsence({ status }: Reply): boolean {
  return status === 404 || status === 410
}

/** Whether the answer redirects to the path with a slash, as for directories, be it on another port. */
function isSlashed({ status, headers }: Reply, from: string): boolean {
  if (![301, 302, 307, 308].includes(status)) return false
  const written = headers.get('Location') ?? ''
  const [asked, location] = [new URL(from), URL.parse(written, from)]
  if (location?.hostname !== asked.hostname || !written.endsWith('/')) return false
  const wanted = decode(`${asked.pathname}/`)
  return wanted !== null && [decode(location.pathname), toWrittenPath(written)].includes(wanted)
}

/** A path decoded, since servers differ in which characters they encode; null for one that is not valid. */
function decode(path: string): string | null {
  return attempt(() => decodeURIComponent(path))
}

/** The path of a `Location` whose server encodes nothing (mini_httpd): its characters are bytes. */
function toWrittenPath(location: string): string {
  const path = location.replace(/^https?:\/\/[^/]*/i, '')
  return new TextDecoder().decode(Uint8Array.from(path, (byte) => byte.charCodeAt(0)))
}
