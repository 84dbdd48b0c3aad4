import { LRUCache } from 'lru-cache'
import { isRecent } from '../../../functions/storage/facts.ts'
import type { Content } from '../disk/disk-messages.ts'
import { type Identity, isSettled, toKey } from '../files/identity.ts'
import { MAX_RECENT_DIGESTS } from '../limits.ts'
import type { Knowledge } from './belief.ts'
import type { IndexFile } from './index-file.ts'
import type { DatedDigest } from './index-table.ts'
import { createIndexWriter } from './index-writer.ts'

export type DigestIndex = ReturnType<typeof createDigestIndex>

/**
 * Remembers digests by name and identity in `file`, which it closes, and in memory the last `limit` used and
 * those that `file` has not taken yet.
 */
export function createDigestIndex(file: IndexFile, limit = MAX_RECENT_DIGESTS) {
  const memory = new LRUCache<string, DatedDigest>({ maxSize: limit, sizeCalculation: () => 1 })
  const writer = createIndexWriter(file)

  return {
    /**
     * The digest of a file whose identity was just read, from a reading that `isRecent`; undefined for a file
     * that is not settled at `now`, as after the clock was set back, or not on the root's file system.
     */
    get(
      name: string,
      identity: Identity,
      { system, now }: Pick<Knowledge, 'system' | 'now'>,
      maxAge?: number,
    ): DatedDigest | undefined {
      if (system === null || identity.device !== system.device || !isSettled(identity, now)) return undefined
      const key = toKey(system.id, identity)
      const remembered = memory.get(key)
      if (remembered !== undefined && isRecent(remembered.readAt, now, maxAge)) return remembered
      const unwritten = writer.find(name)
      const kept = unwritten?.identity === key ? unwritten : file.read(name, key)
      if (kept === undefined || !isRecent(kept.readAt, now, maxAge)) return undefined
      const dated = { digest: kept.digest, readAt: kept.readAt }
      memory.set(key, dated)
      return dated
    },
    /** Ignores a content that may not be remembered. */
    set(name: string, { identity, digest, readAt, systemId }: Content): void {
      if (systemId === null) return
      const key = toKey(systemId, identity)
      memory.set(key, { digest, readAt })
      writer.add({ name, identity: key, digest, readAt })
    },
    /** Writes what is not written yet, and closes the file. */
    close(): void {
      writer.close()
      file.close()
    },
  }
}
