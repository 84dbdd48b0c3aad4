import type { Storage } from '../storage/storage.ts'
import { exactly, type Proof, primed, readAll, through, verified } from '../storage/streams.ts'
import type { Body } from '../wire/answer.ts'
import type { CreateHasher, Digest } from '../wire/digest.ts'
import { MAX_KEPT_CONTENT_BYTES } from '../wire/limits.ts'
import type { ByteRange } from '../wire/ranges.ts'
import { StorageError } from '../wire/trouble.ts'
import type { Version } from './compare.ts'
import type { Contents } from './contents.ts'
import type { Member } from './gather.ts'
import { withDeadline, withoutSilence } from './silence.ts'
import type { Suspects } from './suspects.ts'

/** One read of one name. */
export interface Read {
  readonly name: string
  /** Whom to ask. */
  readonly members: readonly Member[]
  /** How many of them must answer. */
  readonly required: number
  /** Deliver this version, whatever else there is. */
  readonly version?: Digest | undefined
  readonly createHasher: CreateHasher
  readonly contents: Contents
  readonly suspects: Suspects
}

/**
 * `version`, or a part of it, from its first holder. A small content is read whole, proved against its digest and
 * kept; a large one streams, its first chunk read: a whole is proved as it passes, a part against its length.
 */
export async function openVersion(read: Read, version: Version, range?: ByteRange): Promise<Body> {
  if (version.size > MAX_KEPT_CONTENT_BYTES) return await openLarge(read, version, range)
  const whole = read.contents.get(version.digest) ?? (await readSmall(read, version))
  if (whole.length !== version.size) throw new StorageError('integrity', 'the size contradicts the digest')
  return range ? whole.subarray(range.offset, range.offset + range.length) : whole
}

async function readSmall(read: Read, version: Version): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await readAll(verified(withoutSilence(await openAt(read, version)), toProof(read, version)))
  read.contents.keep(version.digest, bytes)
  return bytes
}

async function openLarge(read: Read, version: Version, range: ByteRange | undefined): Promise<Body> {
  const body = withoutSilence(await openAt(read, version, range))
  if (range !== undefined && range.length < version.size) return await primed(exactly(body, range.length))
  const whole = through(verified(body, toProof(read, version)), async function* (chunks) {
    try {
      yield* chunks
    } catch (error) {
      if (error instanceof StorageError && error.code === 'integrity') read.suspects.add(version, read.name)
      throw error
    }
  })
  return await primed(whole)
}

function toProof({ createHasher }: Read, { size, digest }: Version): Proof {
  return { size, digest, createHasher }
}

async function openAt(read: Read, version: Version, range?: ByteRange): Promise<ReadableStream<Uint8Array>> {
  const holder = read.members.find(({ id }) => id === version.holders[0])
  if (holder === undefined) throw new Error('a version is held by one of the replicas that were asked')
  return await openCopy(holder.storage, read.name, version.digest, range)
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
