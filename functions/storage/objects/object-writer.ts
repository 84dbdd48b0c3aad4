import { beforeEnd, toChunks, toStream, verified } from '../../bytes/chunks.ts'
import type { CreateHasher, Digest } from '../../wire/digest.ts'
import { changedError, preconditionError } from '../../wire/errors.ts'
import type { SizedFacts } from '../facts.ts'
import { notKept } from '../kept.ts'
import { requireName } from '../names.ts'
import type { PutOptions, RestoreOptions, WritableStorage } from '../storage.ts'
import { type ObjectDigests, toFacts, toReadFacts } from './object-digests.ts'
import type { createObjectKept } from './object-kept.ts'
import type { ObjectWrites } from './objects.ts'

interface ObjectWriterOptions {
  readonly digests: ObjectDigests
  readonly kept: ReturnType<typeof createObjectKept>
  readonly root: string
  readonly createHasher: CreateHasher
}

export function createObjectWriter(
  writes: ObjectWrites,
  { digests, kept, root, createHasher }: ObjectWriterOptions,
): Pick<WritableStorage, 'put' | 'restore'> {
  async function put(
    name: string,
    body: ReadableStream<Uint8Array>,
    options: PutOptions,
  ): Promise<SizedFacts> {
    const chunks = toChunks(body)
    try {
      requireName(name)
      const { size, digest, replaces, modified = null, signal } = options
      signal?.throwIfAborted()
      const over = await requireReplaced(name, replaces, signal)
      const proven = verified(chunks, { size, digest, createHasher })
      const keep = async () => {
        if (over !== null && replaces !== null && replaces !== digest) {
          await kept.keep(writes, { digest: replaces, name }, over, signal)
        }
      }
      const version = over?.version ?? null
      const info = await writes.put(root + name, toStream(beforeEnd(proven, keep), signal), {
        ...{ size, digest, over: version, modified, signal },
      })
      if (info.stored === digest) {
        await digests.rememberStored(info)
        return toFacts(info, { digest, readAt: null })
      }
      await digests.remember({ info, askedAt: performance.now() }, digest, Date.now())
      return toReadFacts(info, digest)
    } finally {
      // Does nothing after the end of the body.
      await chunks.cancel().catch(() => {})
    }
  }

  /** The object that a write replaces, null for none; throws `precondition` when it is not `replaces`. */
  async function requireReplaced(name: string, replaces: Digest | null, signal: AbortSignal | undefined) {
    const sight = await digests.look(root + name, signal)
    const current = sight && (await digests.describe(sight, { signal }))
    if ((current?.digest ?? null) !== replaces) throw preconditionError()
    // Without a version the write cannot be conditional on it.
    if (sight?.info.version === null) throw changedError()
    return sight?.info ?? null
  }

  async function restore(name: string, { digest, replaces, signal }: RestoreOptions): Promise<SizedFacts> {
    requireName(name)
    signal?.throwIfAborted()
    const opened = await kept.open({ digest, name }, signal)
    if (opened === null) throw notKept()
    const { size, modified } = opened.info
    return await put(name, opened.body, { size, digest, replaces, modified, signal })
  }

  return { put, restore }
}
