import type { Digest } from '../../functions/wire/digest.ts'
import { createDigestMemory } from './digest-memory.ts'
import { type Identity, isSettled, toKey } from './identity.ts'
import type { IndexFile } from './index-file.ts'
import { createIndexWriter } from './index-writer.ts'
import { MAX_REMEMBERED_DIGESTS } from './limits.ts'

/** Digests by name and identity, in memory and in a file. */
export interface DigestIndex {
  /**
   * The digest of a file whose identity was just read. `now` (milliseconds since 1970) is when the question was asked:
   * a file that is not settled by then is unknown here, as after the clock was set back.
   */
  get(name: string, identity: Identity, now: number): Digest | undefined
  /** Only for a file that was settled before it was hashed; see `isSettled`. */
  set(name: string, identity: Identity, digest: Digest): void
  /** Writes what is not written yet, and closes the file. */
  close(): void
}

/** Keeps digests in `file`, which it closes, and those used last in memory. */
export function createDigestIndex(file: IndexFile): DigestIndex {
  const memory = createDigestMemory(MAX_REMEMBERED_DIGESTS)
  const writer = createIndexWriter(file)

  return {
    get(name, identity, now) {
      if (!isSettled(identity, now)) return undefined
      const remembered = memory.get(identity)
      if (remembered !== undefined) return remembered
      const digest = file.read(name, toKey(identity))?.digest
      if (digest !== undefined) memory.set(identity, digest)
      return digest
    },
    set(name, identity, digest) {
      memory.set(identity, digest)
      writer.add({ name, identity: toKey(identity), digest, readAt: Date.now() })
    },
    close() {
      writer.close()
      file.close()
    },
  }
}
