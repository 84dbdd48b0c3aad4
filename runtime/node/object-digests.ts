import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { createDigestCache } from '../../functions/storage/digest-cache.ts'
import type { DigestCache, Known } from '../../functions/storage/object-storage.ts'
import { type IndexRow, openIndexFile, openNoIndexFile } from './index-file.ts'
import { MAX_UNWRITTEN_DIGESTS, WRITE_INDEX_MS } from './limits.ts'

/** Digests of the objects of one store, in memory and in a file. Who opened it closes it. */
export interface ObjectDigests extends DigestCache {
  /** Writes what is not written yet, and closes the file. May be called twice. */
  close(): void
}

/**
 * Opens what is remembered of the store of that address, which holds no secret, in a directory of digest indexes; in
 * memory only when that is null. A file that is lost or damaged costs reading again: `onNotice` is told in one line.
 */
export function openObjectDigests(
  directory: string | null,
  address: string,
  onNotice: (line: string) => void,
): ObjectDigests {
  const path = directory === null ? null : join(directory, `${toName(address)}.sqlite`)
  const file = path === null ? openNoIndexFile() : openIndexFile(path, onNotice)
  const memory = createDigestCache()
  const unwritten = new Map<string, IndexRow>()
  let timer: NodeJS.Timeout | undefined
  let isOpen = true

  function write(): void {
    clearTimeout(timer)
    timer = undefined
    if (unwritten.size > 0 && isOpen) file.write(unwritten.values())
    unwritten.clear()
  }

  function find(key: string, version: string): Known | undefined {
    if (!isOpen) return undefined
    for (const evidence of ['computed', 'stored'] as const) {
      const digest = file.read(key, toIdentity(version, evidence))
      if (digest !== undefined) return { digest, evidence }
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
      unwritten.set(key, {
        name: key,
        identity: toIdentity(version, known.evidence),
        digest: known.digest,
      })
      if (unwritten.size >= MAX_UNWRITTEN_DIGESTS) write()
      else timer ??= setTimeout(write, WRITE_INDEX_MS)
    },
    close() {
      if (!isOpen) return
      write()
      isOpen = false
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
