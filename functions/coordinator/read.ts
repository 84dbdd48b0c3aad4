import type { Opened, Storage } from '../storage/storage.ts'
import {
  type Chunks,
  exactly,
  primed,
  readAll,
  through,
  toChunks,
  toStream,
  verified,
} from '../storage/streams.ts'
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
  const bytes = await readAll(toProved(read, version, await openAt(read, version)))
  read.contents.keep(version.digest, bytes)
  return bytes
}

async function openLarge(read: Read, version: Version, range: ByteRange | undefined): Promise<Body> {
  const opened = await openAt(read, version, range)
  if (range !== undefined && range.length < version.size) {
    return toStream(await primed(exactly(toWatched(opened), range.length)))
  }
  const whole = through(toProved(read, version, opened), async function* (chunks) {
    try {
      yield* chunks
    } catch (error) {
      if (error instanceof StorageError && error.code === 'integrity') read.suspects.add(version, read.name)
      throw error
    }
  })
  return toStream(await primed(whole))
}

/** The whole content, which errors with `integrity` before its last chunk when it is another. */
function toProved({ createHasher }: Read, { size, digest }: Version, opened: Opened): Chunks {
  const body = toWatched(opened)
  return opened.isProved ? exactly(body, size) : verified(body, { size, digest, createHasher })
}

function toWatched({ body }: Opened): Chunks {
  return withoutSilence(toChunks(body))
}

async function openAt(read: Read, version: Version, range?: ByteRange): Promise<Opened> {
  const holder = read.members.find(({ id }) => id === version.holders[0])
  if (holder === undefined) throw new Error('a version is held by one of the replicas that were asked')
  return await openCopy(holder.storage, read.name, version.digest, range)
}

async function openCopy(
  storage: Storage,
  name: string,
  ifDigest: Digest,
  range: ByteRange | undefined,
): Promise<Opened> {
  const opened = await withDeadline(({ signal }) => storage.open(name, { range, ifDigest, signal }))
  if (opened === null) throw new StorageError('changed', 'the file is no longer there')
  return opened
}
