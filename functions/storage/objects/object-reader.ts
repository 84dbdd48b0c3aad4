import { beforeEnd, type Chunks, exactly, sliced, toStream, verified } from '../../bytes/chunks.ts'
import type { CreateHasher, Digest } from '../../wire/digest.ts'
import { changedError, requireRange } from '../../wire/errors.ts'
import type { ByteRange } from '../../wire/fields/ranges.ts'
import type { SizedFacts } from '../facts.ts'
import { requireName } from '../names.ts'
import type { Opened, OpenOptions } from '../storage.ts'
import type { OpenedAgain } from '../survey/read-survey.ts'
import { type ObjectDigests, type Sight, toFacts, toReadFacts } from './object-digests.ts'
import type { ObjectInfo } from './objects.ts'

export function createObjectReader(digests: ObjectDigests, root: string, createHasher: CreateHasher) {
  const { read } = digests

  /** As `Storage.open`. */
  async function open(
    name: string,
    { range, ifDigest, signal, pace }: OpenOptions = {},
  ): Promise<Opened | null> {
    signal?.throwIfAborted()
    const sight = await digests.look(root + requireName(name), signal)
    if (sight === null) return null
    const { info } = sight
    const known = await digests.find(info, undefined)
    if (known === undefined && ifDigest !== undefined && range === undefined) {
      return await openUnverified(sight, ifDigest, signal)
    }
    const facts = known === undefined ? await digests.describe(sight, { signal, pace }) : toFacts(info, known)
    if (facts.digest !== (ifDigest ?? facts.digest)) throw changedError()
    const { length } = requireRange(range, info.size)
    const part =
      info.version === null ? await readPart(info, facts, range, signal) : await read(info, range, signal)
    return { facts, body: toStream(exactly(part, length), signal) }
  }

  /** As `Pages.open`. Hashes the object as it is read, and remembers that. */
  async function openAgain(name: string, { signal }: OpenOptions): Promise<OpenedAgain | null> {
    signal?.throwIfAborted()
    const opened = await digests.openWhole(root + requireName(name), signal)
    if (opened === null) return null
    const { sight, body } = opened
    const { size, modified } = sight.info
    const known = await digests.find(sight.info, undefined)
    return {
      facts: { size, modified, digest: known?.digest ?? null, evidence: 'read', age: 0 },
      body: toStream(digests.remembering(exactly(body, size), sight), signal),
    }
  }

  /** Reads a part of an object without a version: only the digest of the whole proves that it is the same. */
  async function readPart(
    info: ObjectInfo,
    { size, digest }: SizedFacts,
    range: ByteRange | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Chunks> {
    const whole = verified(await read(info, undefined, signal), { size, digest, createHasher }, changedError)
    return range === undefined ? whole : sliced(whole, range)
  }

  /** Opens a whole object of unknown digest, and verifies it on the way, so that nothing is read twice. */
  async function openUnverified(
    sight: Sight,
    digest: Digest,
    signal: AbortSignal | undefined,
  ): Promise<Opened> {
    const { info } = sight
    const readAt = Date.now()
    const bytes = exactly(await read(info, undefined, signal), info.size)
    const proven = verified(bytes, { size: info.size, digest, createHasher }, changedError)
    const body = beforeEnd(proven, () => digests.remember(sight, digest, readAt))
    return { facts: toReadFacts(info, digest), body: toStream(body, signal) }
  }

  return { open, openAgain }
}
