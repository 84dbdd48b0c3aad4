import { requireName } from '../../functions/storage/names.ts'
import type { DescribeOptions, Facts, Opened, OpenOptions, Storage } from '../../functions/storage/storage.ts'
import type { CreateHasher } from '../../functions/wire/digest.ts'
import { StorageError } from '../../functions/wire/trouble.ts'
import type { Fetcher } from './bindings.ts'
import { readChunks } from './chunks.ts'
import { listFiles } from './disk-listing.ts'
import { changed, unchanged } from './disk-streams.ts'
import { createDiskTree, type Listing } from './disk-tree.ts'

/**
 * The files of one directory through workerd's disk service, read-only. A digest is computed from the whole file at
 * every question, since the service tells nothing by which one could be kept. The service follows symbolic links, so
 * each part of a name is looked up in its directory's listing first; a file swapped for a link between that look and
 * the read is beyond what the service lets anyone see.
 */
export function createDiskStorage(disk: Fetcher, { createHasher }: { createHasher: CreateHasher }): Storage {
  const tree = createDiskTree(disk)

  function describe(
    names: readonly string[],
    options: DescribeOptions = {},
  ): readonly Promise<Facts | null>[] {
    const listings = new Map<string, Promise<Listing | null>>()
    function list(directory: string): Promise<Listing | null> {
      const listing = listings.get(directory) ?? tree.list(directory, options.signal)
      listings.set(directory, listing)
      return listing
    }
    const facts = new Map<string, Promise<Facts | null>>()
    return names.map((name) => {
      const answer = facts.get(name) ?? describeOne(name, list, options)
      facts.set(name, answer)
      return answer
    })
  }

  async function describeOne(name: string, list: List, options: DescribeOptions): Promise<Facts | null> {
    options.signal?.throwIfAborted()
    if (!(await isFile(requireName(name), list))) return null
    return await hash(name, options)
  }

  async function hash(name: string, { signal, onProgress }: DescribeOptions): Promise<Facts | null> {
    const response = await tree.read(name, { signal })
    if (response === null) return null
    const hasher = createHasher()
    const of = toSize(response) ?? 0
    let size = 0
    for await (const chunk of readChunks(response.body)) {
      signal?.throwIfAborted()
      await hasher.update(chunk)
      size += chunk.length
      onProgress?.({ done: chunk.length, reading: { name, bytes: size, size: of } })
    }
    if (size !== toSize(response)) throw changed()
    return { size, digest: await hasher.digest(), modified: toModified(response), evidence: 'read', age: 0 }
  }

  async function open(name: string, options: OpenOptions = {}): Promise<Opened | null> {
    const { range, ifDigest, signal } = options
    const facts = await describe([name], { signal })[0]
    if (facts == null) return null
    if (ifDigest !== undefined && ifDigest !== facts.digest) throw changed()
    const { offset, length } = range ?? { offset: 0, length: facts.size }
    if (offset + length > facts.size)
      throw new StorageError('out-of-range', 'the range lies outside the file')
    const response = await tree.read(name, { signal })
    if (response === null) throw changed()
    // What was appended is not among the bytes that the service announced, so their digest does not show it.
    const readSize = async () => toSize(await tree.read(name, { method: 'HEAD', signal }))
    const body = unchanged(response.body, { facts, offset, length, createHasher, readSize, signal })
    return { facts, body }
  }

  return {
    describe,
    open,
    list: (options) => listFiles(tree, options),
    async put(name, body) {
      await body.cancel()
      return refuseWrite(name)
    },
    // Nothing is ever written here, so nothing was replaced.
    async listKept({ name, signal } = {}) {
      signal?.throwIfAborted()
      if (name !== undefined) requireName(name)
      return { entries: [], next: null }
    },
    restore: async (name) => refuseWrite(name),
  }
}

function refuseWrite(name: string): never {
  requireName(name)
  throw new StorageError('read-only', 'this replica does not take writes')
}

type List = (directory: string) => Promise<Listing | null>

/** Whether a name is that of a regular file, by the listings of the directories above it; refuses anything else. */
async function isFile(name: string, list: List): Promise<boolean> {
  const segments = name.split('/')
  for (const [i, segment] of segments.entries()) {
    const kind = (await list(segments.slice(0, i).join('/')))?.get(segment)
    if (kind === undefined) return false
    if (kind === 'file') return i === segments.length - 1
    if (kind !== 'directory')
      throw new StorageError('not-a-file', 'not a regular file; replace it or exclude it')
  }
  return false
}

/** The bytes that the service announces; null when the file is gone. */
function toSize(response: Response | null): number | null {
  return response === null ? null : Number(response.headers.get('Content-Length'))
}

function toModified(response: Response): number | null {
  const time = Date.parse(response.headers.get('Last-Modified') ?? '')
  return Number.isNaN(time) ? null : time
}
