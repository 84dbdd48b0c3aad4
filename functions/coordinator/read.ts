import { exactly, primed, readAll, toStream } from '../storage/streams.ts'
import type { Body } from '../wire/answer.ts'
import { settle } from '../wire/app.ts'
import type { CreateHasher, Digest } from '../wire/digest.ts'
import { MAX_KEPT_CONTENT_BYTES } from '../wire/limits.ts'
import type { ByteRange } from '../wire/ranges.ts'
import type { Trace } from '../wire/trace.ts'
import { StorageError } from '../wire/trouble.ts'
import type { Version } from './compare.ts'
import type { Contents } from './contents.ts'
import type { AskOptions, Member } from './gather.ts'
import { cutOut, openCopy, relayWhole, toWatched } from './relay.ts'
import type { Deadlines } from './silence.ts'
import type { Suspects } from './suspects.ts'

/** One read of one name. */
export interface Read {
  readonly name: string
  /** Whom to ask. */
  readonly members: readonly Member[]
  /** How many of them must answer. */
  readonly required: number
  /** Whether every one of them must hold the file. */
  readonly isStrict: boolean
  /** Goes on to the replicas, for their logs. */
  readonly trace: Trace | undefined
  /** Gives a signal that aborts when the client leaves; nobody is waited for then. See `AskOptions`. */
  readonly getSignal?: AskOptions['getSignal']
  /** Deliver this version, whatever else there is. */
  readonly version?: Digest | undefined
  /** As in `AskOptions`. */
  readonly maxAge?: number | undefined
  readonly deadlines: Deadlines
  readonly createHasher: CreateHasher
  readonly contents: Contents
  readonly suspects: Suspects
}

/**
 * `version`, or a part of it. A small content is read whole from its first holder, proved against its digest and kept;
 * a large one streams, its first chunk read, and is proved as it passes.
 */
export async function openVersion(read: Read, version: Version, range?: ByteRange): Promise<Body> {
  if (version.size > MAX_KEPT_CONTENT_BYTES) return await openLarge(read, version, range)
  const whole = read.contents.get(version.digest) ?? (await readSmall(read, version))
  if (whole.length !== version.size) throw new StorageError('integrity', 'the size contradicts the digest')
  return range ? whole.subarray(range.offset, range.offset + range.length) : whole
}

async function readSmall(read: Read, version: Version): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await readAll(
    exactly(relayWhole(read, version, await openFirst(read, version)), version.size),
  )
  read.contents.keep(version.digest, bytes)
  return bytes
}

async function openLarge(read: Read, version: Version, range: ByteRange | undefined): Promise<Body> {
  if (range !== undefined && range.length < version.size) return await openPart(read, version, range)
  return toStream(await primed(relayWhole(read, version, await openFirst(read, version))))
}

/** A part from a holder whose storage vouches for it; where there is none, cut out of the whole, for nothing else proves it. */
async function openPart(read: Read, version: Version, range: ByteRange): Promise<Body> {
  const proving = read.members.find(({ id, storage }) => storage.isProving && version.holders.includes(id))
  const part = proving && (await settle(openProvedPart(read, version, proving.id, range)))
  if (part !== undefined && !(part instanceof StorageError)) return part
  // That holder has failed as the first does at any read; another may still have the whole.
  if (part !== undefined && proving?.id === version.holders[0]) throw part
  return toStream(await primed(cutOut(relayWhole(read, version, await openFirst(read, version)), range)))
}

async function openProvedPart(read: Read, version: Version, id: string, range: ByteRange): Promise<Body> {
  const part = toWatched(read, await openCopy(read, version, id, range))
  return toStream(await primed(exactly(part, range.length)))
}

async function openFirst(read: Read, version: Version) {
  return await openCopy(read, version, version.holders[0] ?? '')
}
