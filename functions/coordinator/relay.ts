import type { Opened } from '../storage/storage.ts'
import { type Chunks, exactly, generate, toChunks, verified } from '../storage/streams.ts'
import type { Digest } from '../wire/digest.ts'
import type { ByteRange } from '../wire/ranges.ts'
import { StorageError } from '../wire/trouble.ts'
import type { Version } from './compare.ts'
import type { Member } from './gather.ts'
import type { Read } from './read.ts'
import { withDeadline, withoutSilence } from './silence.ts'

/** A copy that was opened, and who holds it. */
export interface Copy extends Opened {
  readonly holder: Member
}

/** Opens a holder's copy of a version, or a part of it; `changed` when it holds that version no more. */
export async function openCopy(read: Read, version: Version, id: string, range?: ByteRange): Promise<Copy> {
  const holder = read.members.find((member) => member.id === id)
  if (holder === undefined) throw new Error('a version is held by replicas that were asked')
  try {
    const opened = await withDeadline(read.deadlines, (signal) =>
      holder.storage.open(read.name, { range, ifDigest: version.digest, trace: read.trace, signal }),
    )
    if (opened === null) throw new StorageError('changed', 'the file is no longer there')
    return { ...opened, holder }
  } catch (error) {
    throw noteFailure(holder, error)
  }
}

/** The error, of which who observes the replica has heard. */
function noteFailure(holder: Member, error: unknown): unknown {
  if (error instanceof StorageError) holder.onFailed(error)
  return error
}

/** The bytes of a copy that was opened; they error when the next of them does not come in time. */
export function toWatched({ deadlines }: Read, { body, holder }: Copy): Chunks {
  const chunks = withoutSilence(toChunks(body), deadlines)
  const next = () =>
    chunks.next().catch((error) => {
      throw noteFailure(holder, error)
    })
  return { ...chunks, next }
}

/**
 * The whole content of `version`, begun with `first`, its first holder's copy; the last chunk comes only when the
 * whole is known to be of the digest. When a copy breaks off, the next holder's goes on at that byte; when the bytes
 * contradict the digest, a holder whose content begins with what was sent gives the rest. Errors as the last of them.
 */
export function relayWhole(read: Read, version: Version, first: Copy): Chunks {
  const [holder] = version.holders
  const isProved = read.members.find(({ id }) => id === holder)?.storage.isProving
  return isProved ? relayProved(read, version, first) : relayHashed(read, version, first)
}

/** A copy that its storage holds against the digest itself. */
function relayProved(read: Read, version: Version, first: Copy): Chunks {
  const [holder = '', ...others] = version.holders
  return generate(async function* (use) {
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
    if (failure.code === 'integrity') read.suspects.add(holder, version, read.name)
    yield* finish(read, version, others, { size, digest: first.given?.(), failure }, use)
  })
}

function relayHashed(read: Read, version: Version, first: Copy): Chunks {
  const [holder = '', ...others] = version.holders
  return generate(async function* (use) {
    const hasher = read.createHasher()
    const asked = [holder]
    let copy = toWatched(read, first)
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
        asked.push(next.id)
        copy = next.copy
      }
    }
    if ((await hasher.digest()) === version.digest) {
      if (held !== undefined) yield held
      return
    }
    if (asked.length === 1) read.suspects.add(holder, version, read.name)
    const size = position - (held?.length ?? 0)
    const failure = new StorageError('integrity', 'the bytes contradict their digest')
    if (size === 0) throw failure
    yield* finish(read, version, others, { size, digest: await before?.digest(), failure }, use)
  })
}

type Use = (chunks: Chunks) => AsyncGenerator<Uint8Array>

/** The first of `holders`, which it takes from there, whose copy opens; null when there is none. */
async function openNext(read: Read, version: Version, holders: string[], range?: ByteRange) {
  for (let id = holders.shift(); id !== undefined; id = holders.shift()) {
    try {
      return { id, copy: toWatched(read, await openCopy(read, version, id, range)) }
    } catch (error) {
      if (!(error instanceof StorageError)) throw error
    }
  }
  return null
}

/** The bytes that were sent before a copy failed: how many, their digest where it is known, and how it failed. */
interface Sent {
  readonly size: number
  readonly digest: Digest | null | undefined
  readonly failure: StorageError
}

/** What follows the bytes that were sent, from a holder whose content is of the digest and begins with them. */
async function* finish(
  read: Read,
  version: Version,
  holders: string[],
  sent: Sent,
  use: Use,
): AsyncGenerator<Uint8Array> {
  const next = await openNext(read, version, holders)
  if (next === null || !sent.digest) throw sent.failure
  const prefix = read.createHasher()
  let position = 0
  let isSame = false
  for await (const chunk of use(verified(next.copy, { ...version, createHasher: read.createHasher }))) {
    const cut = Math.min(Math.max(sent.size - position, 0), chunk.length)
    await prefix.update(chunk.subarray(0, cut))
    position += chunk.length
    if (position < sent.size || cut === chunk.length) continue
    isSame ||= (await prefix.digest()) === sent.digest
    if (!isSame) throw sent.failure
    yield chunk.subarray(cut)
  }
}

/** The bytes of `range` out of `whole`, which is read to its end: only then is it known that they are genuine. */
export function cutOut(whole: Chunks, { offset, length }: ByteRange): Chunks {
  return generate(async function* (use) {
    let position = 0
    let held: Uint8Array | undefined
    for await (const chunk of use(whole)) {
      const part = chunk.subarray(Math.max(offset - position, 0), Math.max(offset + length - position, 0))
      position += chunk.length
      if (part.length === 0) continue
      if (held !== undefined) yield held
      held = part
    }
    if (held !== undefined) yield held
  })
}
