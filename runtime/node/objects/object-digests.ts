import { createDigestCache } from '../../../functions/storage/objects/digest-cache.ts'
import type { DigestCache, Known } from '../../../functions/storage/objects/object-digests.ts'
import { type IndexNotice, openIndexFile } from '../digests/index-file.ts'
import { createIndexHealth, type IndexState } from '../digests/index-health.ts'
import { toIndexFile } from '../digests/index-path.ts'
import { createIndexWriter } from '../digests/index-writer.ts'

/** Digests of the objects of one store, in memory and in a file. The caller that opened it closes it. */
interface ObjectDigests extends DigestCache, IndexState {
  /** Writes what is not written yet, and closes the file. May be called twice. */
  close(): void
}

/**
 * Opens the digests of the store at `address` (without secrets) in a directory of digest indexes, or for null
 * in memory only. A file that is lost or damaged costs reading again, and one call of `onNotice`.
 */
export function openObjectDigests(
  directory: string | null,
  address: string,
  onNotice: (line: string) => void,
): ObjectDigests {
  // Never the file of a directory: no path begins with a scheme.
  const path = directory === null ? null : toIndexFile(directory, address)
  const health = createIndexHealth(onNotice)
  const onIndex = (notice: IndexNotice) => health.note('disk', notice)
  const file = openIndexFile(path, onIndex)
  const memory = createDigestCache()
  const writer = createIndexWriter(file)
  let isOpen = true

  function find(key: string, version: string): Known | undefined {
    if (!isOpen) return undefined
    const reading = file.read(key, toIdentity(version, 'reading'))
    if (reading !== undefined) return reading
    const stored = file.read(key, toIdentity(version, 'stored'))
    return stored && { digest: stored.digest, readAt: null }
  }

  function write(name: string, identity: string, { digest, readAt }: Known): void {
    if (isOpen) writer.add({ name, identity, digest, readAt: readAt ?? 0 })
  }

  return {
    async get(key, version) {
      const known = (await memory.get(key, version)) ?? find(key, version)
      if (known !== undefined) await memory.set(key, version, known)
      return known
    },
    async set(key, version, known) {
      await memory.set(key, version, known)
      write(key, toIdentity(version, known.readAt === null ? 'stored' : 'reading'), known)
    },
    async forget(key, version) {
      await memory.forget(key, version)
      // Rows are only replaced: this one belongs to no version. Written at once: reads do not wait for it.
      write(key, '', { digest: NO_DIGEST, readAt: null })
      if (isOpen) writer.flush()
    },
    isIndexAvailable: () => (path === null ? null : health.isAvailable()),
    close() {
      if (!isOpen) return
      isOpen = false
      writer.close()
      file.close()
    },
  }
}

/** The digest of a row that belongs to no version. */
const NO_DIGEST = '0'.repeat(64)

/** The identity of a row: its version, and whether its digest was read or is the store's own checksum. */
function toIdentity(version: string, kind: 'reading' | 'stored'): string {
  return `${kind} ${version}`
}
