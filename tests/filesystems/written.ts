import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import {
  createDirectoryStorage,
  type WritableDirectoryStorage,
} from '../../runtime/node/directory-storage.ts'
import { toDigest } from './asked.ts'
import type { FileSystem } from './file-systems.ts'
import { createPlace } from './place.ts'
import { requirePackages } from './requirements.ts'

/** A writable directory on a file system, beside a plain directory. */
export interface Written {
  readonly root: string
  readonly plain: string
  /** As in `Volume`. */
  readonly behind: string | undefined
  readonly storage: WritableDirectoryStorage
  close(): Promise<void>
}

/** Makes and mounts a file system. Rejects when one of its packages is not installed. */
export async function openWritten(system: FileSystem): Promise<Written> {
  await requirePackages(system.packages)
  const place = await createPlace()
  const work = join(place.disk, 'work')
  mkdirSync(work)
  const volume = await system.make(work)
  await volume.mount(place.root)
  const storage = createDirectoryStorage(place.root, { writable: true, indexPath: place.index })
  return {
    ...{ root: place.root, plain: place.plain, behind: volume.behind, storage },
    async close() {
      await storage.close()
      await volume.unmount(place.root)
      await place.close()
    },
  }
}

/** Puts `text`, over the text `replaces` or over no file (null). */
export async function put({ storage }: Written, name: string, text: string, replaces: string | null) {
  const condition = { replaces: replaces === null ? null : toDigest(replaces) }
  const put = { size: Buffer.byteLength(text), digest: toDigest(text), ...condition }
  return await storage.put(name, new Blob([text]).stream(), put)
}
