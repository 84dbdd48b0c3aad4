import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { createDigestCache } from '../../functions/storage/digest-cache.ts'
import type { DigestCache, Known } from '../../functions/storage/object-storage.ts'
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
    for (const evidence of ['remembered', 'stored'] as const) {
      const dated = file.read(key, toIdentity(version, evidence))
      if (dated !== undefined) return { digest: dated.digest, evidence, age: null }
    }
    return undefined
  }

  return {
    async get(key, version) {
      const known = (await memory.get(key, version)) ?? find(key, version)
      if (known !== undefined) await memory.set(key, version, known)
      return known
    },
    async set(key, version, known) {
      await memory.set(key, version, known)
      const row = {
        name: key,
        identity: toIdentity(version, known.evidence === 'stored' ? 'stored' : 'remembered'),
        digest: known.digest,
        readAt: Date.now(),
      }
      if (isOpen) writer.add(row)
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

/** What a row counts for: one version, and how its digest came about. */
function toIdentity(version: string, evidence: Known['evidence']): string {
  return `${evidence} ${version}`
}

/** Of the same form as those of directories, and never of the same text: no path begins with a scheme. */
function toName(address: string): string {
  return createHash('sha256').update(address).digest('hex').slice(0, 32)
}
