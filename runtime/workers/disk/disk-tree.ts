import { StorageError } from '../../../functions/wire/storage-error.ts'
import type { Fetcher } from '../bindings.ts'

/**
 * The kinds of entries of the disk service; only the first two are ever asked for. Names that are not UTF-8
 * are listed with U+FFFD, so that several can look equal: those are `2 alike`, and no file has that name.
 */
type Kind = 'file' | 'directory' | (string & {})

/** The entries of one directory by name. */
export type Listing = ReadonlyMap<string, Kind>

export type DiskTree = ReturnType<typeof createDiskTree>

/** A directory behind workerd's disk service, which follows symbolic links: ask only for listed paths. */
export function createDiskTree(disk: Fetcher) {
  async function ask(
    path: string,
    init: RequestInit,
    code: 'unreachable' | 'unreadable',
  ): Promise<Response | null> {
    const response = await disk.fetch(toUrl(path), init).catch((error) => {
      init.signal?.throwIfAborted()
      throw new StorageError(code, 'the disk service failed', { cause: error })
    })
    if (response.ok) return response
    await response.body?.cancel()
    if (response.status === 404) return null
    throw new StorageError(code, `the disk service answered with status ${response.status}`)
  }

  return {
    /** The entries of a directory; null when it is gone. A missing root, `''`, is `unreachable`. */
    async list(directory: string, signal?: AbortSignal): Promise<Listing | null> {
      const code = directory === '' ? 'unreachable' : 'unreadable'
      const response = await ask(directory, { signal: signal ?? null }, code)
      if (response !== null) return await readListing(response, code)
      if (directory === '') throw new StorageError('unreachable', 'the served directory does not exist')
      return null
    },
    /** The answer for a file in the listings, its body unread; null when it is gone. */
    read: (name: string, signal: AbortSignal | undefined, method: 'GET' | 'HEAD' = 'GET') =>
      ask(name, { method, signal: signal ?? null }, 'unreadable'),
  }
}

function toUrl(path: string): string {
  return `http://disk/${path.split('/').map(encodeURIComponent).join('/')}`
}

/** Reads a listing, which is JSON without a length; throws for a file in place of a directory. */
async function readListing(response: Response, code: 'unreachable' | 'unreadable'): Promise<Listing> {
  if (response.headers.get('Content-Type') !== 'application/json') {
    await response.body?.cancel()
    throw new StorageError(code, 'the directory was replaced by a file')
  }
  const entries: { name: string; type: Kind }[] = await response.json()
  const listing = new Map<string, Kind>()
  for (const { name, type } of entries) {
    const before = listing.get(name)
    listing.set(name, before === undefined ? type : `${countAlike(before) + 1} alike`)
  }
  return listing
}

/** How many entries a kind of the listing counts for. */
export function countAlike(kind: Kind): number {
  return Number(/^(\d+) alike$/.exec(kind)?.[1] ?? 1)
}

/** The size that the service announces, in bytes; null when the file is gone. */
export function getSize(response: Response | null): number | null {
  return response === null ? null : Number(response.headers.get('Content-Length'))
}

/** Milliseconds since 1970; null where the service shows no time. */
export function toModified(response: Response): number | null {
  const time = Date.parse(response.headers.get('Last-Modified') ?? '')
  return Number.isNaN(time) ? null : time
}
