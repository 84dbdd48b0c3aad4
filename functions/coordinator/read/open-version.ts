import {
  beforeEnd,
  type Chunks,
  exactly,
  generate,
  primed,
  readAll,
  sliced,
  toChunks,
  toStream,
  type Use,
  verified,
} from '../../bytes/chunks.ts'
import type { Body } from '../../http/answer.ts'
import type { Opened } from '../../storage/storage.ts'
import type { Digest } from '../../wire/digest.ts'
import type { ByteRange } from '../../wire/fields/ranges.ts'
import { MAX_CACHED_CONTENT_BYTES } from '../../wire/limits.ts'
import { StorageError, settle } from '../../wire/storage-error.ts'
import { withDeadline } from '../ask/deadlines.ts'
import type { Member } from '../ask/member.ts'
import type { SentVersion } from '../compare/compare.ts'
import type { ReadRequest } from '../context.ts'

/** What is to be sent of a version, from the first of its sources that can. */
type SentContent = Omit<SentVersion, 'modified'>

/**
 * Opens `version`, or a part of it. A small content is read whole from its first holder, verified and cached.
 * A large one is a stream whose first chunk has been read, and which is verified as it passes.
 */
export async function openVersion(read: ReadRequest, version: SentContent, range?: ByteRange): Promise<Body> {
  if (version.size > MAX_CACHED_CONTENT_BYTES) return await openLarge(read, version, range)
  const whole = read.contentCache.get(version.digest) ?? (await readSmall(read, version))
  if (whole.length !== version.size) throw new StorageError('integrity', 'the size contradicts the digest')
  return cut(whole, range)
}

/** The same from the cache alone, without a wait; null when it is not there. */
export function openCached(read: ReadRequest, version: SentContent, range?: ByteRange): Body {
  const whole = read.contentCache.get(version.digest)
  return whole?.length === version.size ? cut(whole, range) : null
}

function cut(whole: Uint8Array<ArrayBuffer>, range: ByteRange | undefined): Uint8Array<ArrayBuffer> {
  return range ? whole.subarray(range.offset, range.offset + range.length) : whole
}

/** Whether a part can be opened without the whole: of a small content, or one whose holder verifies it. */
export function isPartCheap(read: ReadRequest, version: SentContent): boolean {
  return version.size <= MAX_CACHED_CONTENT_BYTES || findVerifier(read, version) !== undefined
}

/** A holder whose storage verifies parts itself. */
function findVerifier(read: ReadRequest, { sources }: SentContent): Member | undefined {
  return read.members.find(({ id, storage }) => storage.verifiesBytes && sources.includes(id))
}

async function readSmall(read: ReadRequest, version: SentContent): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await readAll(exactly(await openWhole(read, version), version.size))
  read.contentCache.set(version.digest, bytes)
  return bytes
}

async function openLarge(
  read: ReadRequest,
  version: SentContent,
  range: ByteRange | undefined,
): Promise<ReadableStream<Uint8Array>> {
  const isPart = range !== undefined && range.length < version.size
  if (!isPart) return toStream(await primed(await openWhole(read, version)))
  // Only the whole content verifies a part, unless a holder's storage verifies parts itself.
  const holder = findVerifier(read, version)
  const part = holder && (await settle(openPart(read, version, holder.id, range)))
  if (part !== undefined && !(part instanceof StorageError)) return part
  // The first holder has failed as at any read, so the copies are compared again without it.
  if (part !== undefined && holder?.id === version.sources[0]) throw part
  const slice = sliced(await openWhole(read, version), range)
  // The last bytes follow once the whole was read, since only the whole is verified.
  return toStream(await primed(beforeEnd(slice, async () => {})))
}

async function openPart(read: ReadRequest, version: SentContent, id: string, range: ByteRange) {
  const part = toWatched(read, await openCopy(read, version, id, range))
  return toStream(await primed(exactly(part, range.length)))
}

/** A copy that was opened, and its holder. */
interface Copy extends Opened {
  readonly holder: Member
}

/** Opens a holder's copy of a version, or a part of it; throws `changed` when it no longer holds it. */
async function openCopy(
  read: ReadRequest,
  version: SentContent,
  id: string,
  range?: ByteRange,
): Promise<Copy> {
  const holder = read.members.find((member) => member.id === id)
  if (holder === undefined) throw new Error('a version is held by replicas that were asked')
  try {
    const opened = await withDeadline(read.deadlines, (signal) =>
      holder.storage.open(read.name, { range, ifDigest: version.digest, trace: read.trace, signal }),
    )
    if (opened === null) throw new StorageError('changed', 'the file is no longer there')
    return { ...opened, holder }
  } catch (error) {
    throw reportFailure(holder, error)
  }
}

/** Returns `error` after the replica's observer has received it. */
function reportFailure(holder: Member, error: unknown): unknown {
  if (error instanceof StorageError) holder.onFailed(error)
  return error
}

/** The bytes of an opened copy; they error when the next chunk does not arrive in time. */
function toWatched({ deadlines }: ReadRequest, { body, holder }: Copy): Chunks {
  const chunks = toChunks(body)
  const next = () =>
    withDeadline(deadlines, () => chunks.next()).catch((error) => {
      throw reportFailure(holder, error)
    })
  return { ...chunks, next }
}

/**
 * The whole content of `version`, from its first holder; the last chunk follows once the digest is proven.
 * When a copy breaks off, the next holder continues at that byte. When the bytes contradict the digest, the
 * rest comes from a holder whose content begins with the bytes already sent. Errors as the last holder does.
 */
async function openWhole(read: ReadRequest, version: SentContent): Promise<Chunks> {
  const first = await openCopy(read, version, version.sources[0] ?? '')
  const relay = first.holder.storage.verifiesBytes ? relayVerified : relayHashed
  return generate((use) => relay(read, version, first, use))
}

/** Relays a copy that its storage verifies. */
async function* relayVerified(
  read: ReadRequest,
  version: SentContent,
  first: Copy,
  use: Use,
): AsyncGenerator<Uint8Array> {
  let size = 0
  let failure: StorageError
  try {
    for await (const chunk of use(toWatched(read, first))) {
      size += chunk.length
      yield chunk
    }
    return
  } catch (error) {
    if (!(error instanceof StorageError) || size === 0) throw error
    failure = error
  }
  if (failure.code === 'integrity') read.corruptCopies.add(first.holder.id, version, read.name)
  const sent = { size, digest: first.digestSoFar?.(), failure }
  yield* finish(read, version, version.sources.slice(1), sent, use)
}

/** Relays a copy while hashing it. */
async function* relayHashed(
  read: ReadRequest,
  version: SentContent,
  first: Copy,
  use: Use,
): AsyncGenerator<Uint8Array> {
  const others = version.sources.slice(1)
  const hasher = read.createHasher()
  let copy = toWatched(read, first)
  let isFirst = true
  let held: Uint8Array | undefined
  let position = 0
  let before = hasher.copy?.()

  for (;;) {
    try {
      for await (const chunk of use(exactly(copy, version.size - position))) {
        if (held !== undefined) yield held
        before = hasher.copy?.()
        await hasher.update(chunk)
        position += chunk.length
        held = chunk
      }
      break
    } catch (error) {
      const rest = { offset: position, length: version.size - position }
      const next = position > 0 ? await openNext(read, version, others, rest) : null
      if (next === null) throw error
      isFirst = false
      copy = next
    }
  }
  if ((await hasher.digest()) === version.digest) {
    if (held !== undefined) yield held
    return
  }
  if (isFirst) read.corruptCopies.add(first.holder.id, version, read.name)
  const size = position - (held?.length ?? 0)
  const failure = new StorageError('integrity', 'the bytes contradict their digest')
  if (size === 0) throw failure
  yield* finish(read, version, others, { size, digest: await before?.digest(), failure }, use)
}

/** Opens the copy of the first of `holders` that can, and removes those tried; null when none can. */
async function openNext(
  read: ReadRequest,
  version: SentContent,
  holders: string[],
  range?: ByteRange,
): Promise<Chunks | null> {
  for (let id = holders.shift(); id !== undefined; id = holders.shift()) {
    const copy = await settle(openCopy(read, version, id, range))
    if (!(copy instanceof StorageError)) return toWatched(read, copy)
  }
  return null
}

/** The bytes that were sent before a copy failed. */
interface Sent {
  readonly size: number
  /** Absent where the host's hasher cannot compute it. */
  readonly digest: Digest | null | undefined
  readonly failure: StorageError
}

/** The rest, from a holder whose content has the digest and begins with the bytes already sent. */
async function* finish(
  read: ReadRequest,
  version: SentContent,
  holders: string[],
  sent: Sent,
  use: Use,
): AsyncGenerator<Uint8Array> {
  const copy = await openNext(read, version, holders)
  if (copy === null || !sent.digest) throw sent.failure
  const prefix = read.createHasher()
  let position = 0
  let isSame = false
  for await (const chunk of use(verified(copy, { ...version, createHasher: read.createHasher }))) {
    const cut = Math.min(Math.max(sent.size - position, 0), chunk.length)
    await prefix.update(chunk.subarray(0, cut))
    position += chunk.length
    if (position < sent.size || cut === chunk.length) continue
    isSame ||= (await prefix.digest()) === sent.digest
    if (!isSame) throw sent.failure
    yield chunk.subarray(cut)
  }
}
