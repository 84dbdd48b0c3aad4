import { beforeEnd, exactly, sliced, toStream, verified } from '../../../functions/bytes/chunks.ts'
import type { SizedFacts } from '../../../functions/storage/facts.ts'
import { hashBody } from '../../../functions/storage/hash-body.ts'
import { requireName } from '../../../functions/storage/names.ts'
import type { DescribeOptions, Storage } from '../../../functions/storage/storage.ts'
import type { CreateHasher } from '../../../functions/wire/digest.ts'
import { changedError, requireRange } from '../../../functions/wire/errors.ts'
import { StorageError } from '../../../functions/wire/storage-error.ts'
import type { Fetcher } from '../bindings.ts'
import { toLargeChunks } from '../chunks.ts'
import { listFiles } from './disk-listing.ts'
import { createDiskTree, getSize, type Listing, toModified } from './disk-tree.ts'

/**
 * The files of one directory through workerd's disk service, which cannot write. Every question reads the
 * whole file to compute its digest, since the service returns nothing by which a digest could be remembered.
 * The service follows symbolic links, so each segment of a name is looked up in its directory's listing
 * first. A file that is swapped for a link between that listing and the read goes unnoticed.
 *
 * @example
 * const storage = createDiskStorage(env.DISK, { createHasher })
 */
export function createDiskStorage(disk: Fetcher, { createHasher }: { createHasher: CreateHasher }): Storage {
  const tree = createDiskTree(disk)

  function describe(names: readonly string[], options: DescribeOptions = {}): Promise<SizedFacts | null>[] {
    const listings = new Map<string, Promise<Listing | null>>()
    function list(directory: string): Promise<Listing | null> {
      const listing = listings.get(directory) ?? tree.list(directory, options.signal)
      listings.set(directory, listing)
      return listing
    }
    const facts = new Map<string, Promise<SizedFacts | null>>()
    return names.map((name) => {
      const answer = facts.get(name) ?? describeOne(name, list, options)
      facts.set(name, answer)
      return answer
    })
  }

  async function describeOne(name: string, list: List, options: DescribeOptions): Promise<SizedFacts | null> {
    const { signal, onProgress, pace } = options
    signal?.throwIfAborted()
    if (!(await isFile(requireName(name), list))) return null
    const response = await tree.read(name, signal)
    if (response === null) return null
    const hasher = createHasher()
    const of = getSize(response) ?? 0
    const body = toLargeChunks(response.body)
    const size = await hashBody(body, [hasher], { name, size: of, signal, onProgress, pace })
    if (size !== getSize(response)) throw changedError()
    return { size, digest: await hasher.digest(), modified: toModified(response), evidence: 'read', age: 0 }
  }

  return {
    describe,
    async open(name, { range, ifDigest, signal, pace } = {}) {
      const facts = await describe([name], { signal, pace })[0]
      if (facts == null) return null
      if (ifDigest !== undefined && ifDigest !== facts.digest) throw changedError()
      const part = requireRange(range, facts.size)
      const response = await tree.read(name, signal)
      if (response === null) throw changedError()
      const { size, digest } = facts
      const whole = verified(toLargeChunks(response.body), { size, digest, createHasher }, changedError)
      const still = beforeEnd(whole, async () => {
        // Appended bytes are not among those that the service announced, so the digest does not show them.
        if (getSize(await tree.read(name, signal, 'HEAD')) !== size) throw changedError()
      })
      return { facts, body: toStream(exactly(sliced(still, part), part.length), signal) }
    },
    list: (options) => listFiles(tree, options),
  }
}

type List = (directory: string) => Promise<Listing | null>

/** Whether the name is a regular file by the listings; throws `not-a-file` for anything special. */
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
