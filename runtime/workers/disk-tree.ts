import { StorageError } from '../../functions/wire/trouble.ts'
import type { Fetcher } from './bindings.ts'

/**
 * What the disk service calls the things in a directory; only the first two are ever asked for. Names that are not
 * UTF-8 are listed with U+FFFD in them, so several can look the same: `2 alike`, and no file has that name.
 */
type Kind = 'file' | 'directory' | (string & {})

/** One directory: what is in it by name. */
export type Listing = ReadonlyMap<string, Kind>

/** A directory seen through workerd's disk service, which must be asked with care: it follows symbolic links. */
export interface DiskTree {
  /** What is in a directory; null when it is gone. The root, `''`, is never gone: its failure is `unreachable`. */
  list(directory: string, signal?: AbortSignal): Promise<Listing | null>
  /** A file's answer, body unread; null when it is gone. Only for a path that the listings call a file. */
  read(
    name: string,
    options?: { method?: 'HEAD'; signal?: AbortSignal | undefined },
  ): Promise<Response | null>
}

/** The disk service behind `disk`, asked by names, with its answers checked. */
export function createDiskTree(disk: Fetcher): DiskTree {
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
    async list(directory, signal) {
      const code = directory === '' ? 'unreachable' : 'unreadable'
      const response = await ask(directory, withSignal(signal), code)
      if (response !== null) return await readListing(response, code)
      if (directory === '') throw new StorageError('unreachable', 'the directory served is not there')
      return null
    },
    read: (name, { method = 'GET', signal } = {}) =>
      ask(name, { method, ...withSignal(signal) }, 'unreadable'),
  }
}

function toUrl(path: string): string {
  return `http://disk/${path.split('/').map(encodeURIComponent).join('/')}`
}

/** A listing has no length and is JSON; a file in a directory's place has one and is not. */
async function readListing(response: Response, code: 'unreachable' | 'unreadable'): Promise<Listing> {
  if (response.headers.get('Content-Type') !== 'application/json') {
    await response.body?.cancel()
    throw new StorageError(code, 'what was a directory is none any more')
  }
  const entries: { name: string; type: Kind }[] = await response.json()
  const listing = new Map<string, Kind>()
  for (const { name, type } of entries) {
    const before = listing.get(name)
    listing.set(name, before === undefined ? type : `${countAlike(before) + 1} alike`)
  }
  return listing
}

/** How many entries a kind of the listing stands for. */
export function countAlike(kind: Kind): number {
  return Number(/^(\d+) alike$/.exec(kind)?.[1] ?? 1)
}

function withSignal(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal }
}
