import { isRecent } from '../../functions/storage/freshness.ts'
import type { Knowledge } from './belief.ts'
import { createDigestMemory } from './digest-memory.ts'
import type { Content } from './disk-messages.ts'
import { type Identity, isSettled, toKey } from './identity.ts'
import type { IndexFile } from './index-file.ts'
import type { DatedDigest } from './index-table.ts'
import { createIndexWriter } from './index-writer.ts'
import { MAX_REMEMBERED_DIGESTS } from './limits.ts'

/** Digests by name and identity, in memory and in a file. */
export interface DigestIndex {
  /**
   * The digest of a file whose identity was just read for a question of `now`, from a reading that `isRecent`. A file that is not settled at
   * `now` is unknown here, as after the clock was set back, and so is one on another file system than the root's.
   */
  get(
    name: string,
    identity: Identity,
    known: Pick<Knowledge, 'system' | 'now'>,
    maxAge?: number,
  ): DatedDigest | undefined
  /** Does nothing with a content that may not be remembered. */
  set(name: string, content: Content): void
  /** Writes what is not written yet, and closes the file. */
  close(): void
}

/** Keeps digests in `file`, which it closes, and those used last in memory. */
export function createDigestIndex(file: IndexFile): DigestIndex {
  const memory = createDigestMemory(MAX_REMEMBERED_DIGESTS)
  const writer = createIndexWriter(file)

  return {
    get(name, identity, { system, now }, maxAge) {
      if (system === null || identity.device !== system.device || !isSettled(identity, now)) return undefined
      const key = toKey(system.id, identity)
      const remembered = memory.get(key)
      if (remembered !== undefined && isRecent(remembered.readAt, now, maxAge)) return remembered
      const written = file.read(name, key)
      if (written === undefined || !isRecent(written.readAt, now, maxAge)) return undefined
      memory.set(key, written)
      return written
    },
    set(name, { identity, digest, readAt, systemId }) {
      if (systemId === null) return
      const key = toKey(systemId, identity)
      memory.set(key, { digest, readAt })
      writer.add({ name, identity: key, digest, readAt })
    },
    close() {
      writer.close()
      file.close()
    },
  }
}
