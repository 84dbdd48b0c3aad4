import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { createDigestCache } from '../../functions/storage/digest-cache.ts'
import type { DigestCache, Known } from '../../functions/storage/object-digests.ts'
import { openIndexFile, openNoIndexFile } from './index-file.ts'
import { createIndexHealth, type IndexState } from './index-health.ts'
import { createIndexWriter } from './index-writer.ts'

/** Digests of the objects of one store, in memory and in a file. Who opened it closes it. */
export interface ObjectDigests extends DigestCache, IndexState {
  /** Writes what is not written yet, and closes the file. May be called twice. */
  close(): void
}

/**
 * Opens what is remembered of the store of that address, which holds no secret, in a directory of digest indexes; in
 * memory only when that is null. A file that is lost or damaged costs reading again: `onNotice` is called with one line.
 */
export function openObjectDigests(
  directory: string | null,
  address: string,
  onNotice: (line: string) => void,
): ObjectDigests {
  const path = directory === null ? null : join(directory, `${toName(address)}.sqlite`)
  const health = createIndexHealth(onNotice)
  const file =
    path === null ? openNoIndexFile() : openIndexFile(path, (notice) => health.note('disk', notice))
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
      // Rows are only ever replaced: this one is of no version. It is written at once, as the file is read before that.
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

/** The digest of a row that is not of any version. */
const NO_DIGEST = '0'.repeat(64)

/** What a row counts for: one version, and whether its digest comes from a reading or is the store's own checksum. */
function toIdentity(version: string, kind: 'reading' | 'stored'): string {
  return `${kind} ${version}`
}

/** Of the same form as those of directories, and never of the same text: no path begins with a scheme. */
function toName(address: string): string {
  return createHash('sha256').update(address).digest('hex').slice(0, 32)
}
