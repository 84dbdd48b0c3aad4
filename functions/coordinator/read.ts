import type { Storage } from '../storage/storage.ts'
import { exactly, primed, verified } from '../storage/streams.ts'
import type { CreateHasher, Digest } from '../wire/digest.ts'
import type { ByteRange } from '../wire/ranges.ts'
import { StorageError } from '../wire/trouble.ts'
import type { Version } from './compare.ts'
import type { Replica } from './gather.ts'
import { withDeadline, withoutSilence } from './silence.ts'

/** One read of one name. */
export interface Read {
  readonly name: string
  /** Whom to ask. */
  readonly replicas: readonly Replica[]
  /** How many of them must answer. */
  readonly required: number
  /** Deliver this version, whatever else there is. */
  readonly version?: Digest | undefined
  readonly createHasher: CreateHasher
}

/**
 * Opens `version` at its first holder, and reads its first chunk. A whole is proved against its digest as it passes,
 * a part against its length.
 */
export async function openVersion(
  read: Read,
  version: Version,
  range?: ByteRange,
): Promise<ReadableStream<Uint8Array>> {
  const holder = read.replicas.find(({ id }) => id === version.holders[0])
  if (holder === undefined) throw new Error('a version is held by one of the replicas that were asked')
  const body = withoutSilence(await openCopy(holder.storage, read.name, version.digest, range))
  const proof = { size: version.size, digest: version.digest, createHasher: read.createHasher }
  return await primed(range ? exactly(body, range.length) : verified(body, proof))
}

async function openCopy(
  storage: Storage,
  name: string,
  ifDigest: Digest,
  range: ByteRange | undefined,
): Promise<ReadableStream<Uint8Array>> {
  const opened = await withDeadline(({ signal }) => storage.open(name, { range, ifDigest, signal }))
  if (opened === null) throw new StorageError('changed', 'the file is no longer there')
  return opened.body
}
