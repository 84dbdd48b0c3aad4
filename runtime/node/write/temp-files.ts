import { randomUUID } from 'node:crypto'
import { constants, rmSync } from 'node:fs'
import { type FileHandle, open, readdir, unlink } from 'node:fs/promises'
import type { DatabaseSync } from 'node:sqlite'
import { RESERVED } from '../../../functions/storage/names.ts'
import type { PutOptions } from '../../../functions/storage/storage.ts'
import { integrityError } from '../../../functions/wire/errors.ts'
import { type Directory, descend } from '../files/directory.ts'
import { getErrno, isAbsence } from '../files/errno.ts'
import { readStats } from '../files/identity.ts'
import type { Root } from '../files/root.ts'
import { finishSparse, writeSparse } from '../files/sparse.ts'
import { createHasher } from '../hasher.ts'
import { createRoot, type Located } from '../mounts/located.ts'
import { withOwnDirectory } from './make-directories.ts'
import { openLock } from './write-lock.ts'

const FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW

export interface TempFile {
  readonly handle: FileHandle
  readonly path: string
}

export type TempFiles = ReturnType<typeof createTempFiles>

/**
 * The temporary files of one storage on one file system, below `.vouch/tmp`. They bear the name of their
 * owner, which holds a lock from the first of them on. A lock ends with its process, in whatever way: files
 * whose owner can be locked have lost it, and are removed before another is made, where that is possible.
 */
export function createTempFiles(root: Root) {
  let owner: Owner | null = null

  /** Runs `run` with a path that is free and its own, and removes what is left there. */
  async function withPath<T>(run: (path: string) => Promise<T>): Promise<T> {
    return await withOwnDirectory(root, ['tmp'], async (directory) => {
      // What cannot be removed keeps nobody from writing; `tidy` reports it.
      await removeDead(directory.path, owner).catch(() => {})
      owner ??= createOwner(directory.path)
      const path = `${directory.path}/${owner.id}.${randomUUID()}`
      try {
        return await run(path)
      } finally {
        await unlink(path).catch(ignoreMissing)
      }
    })
  }

  /** Runs `run` with the directory of temporary files, if there is one. */
  async function inDirectory(run: (path: string) => void | Promise<void>): Promise<void> {
    const directory = await tryOpenDirectory(root)
    if (directory === null) return
    try {
      await run(directory.path)
    } finally {
      await directory.handle.close()
    }
  }

  return {
    withPath,
    /** Runs `run` with a new file, and removes what is left at its path. */
    withFile: <T>(run: (temp: TempFile) => Promise<T>): Promise<T> =>
      withPath(async (path) => {
        const handle = await open(path, FLAGS, 0o666)
        try {
          return await run({ handle, path })
        } finally {
          await handle.close()
        }
      }),
    /** Removes the files of processes that have ended. Rejects when one of them cannot be removed. */
    tidy: () => inDirectory((path) => removeDead(path, owner)),
    /** Gives the lock back, once no file is left. A file that is made later takes another. */
    async close(): Promise<void> {
      const last = owner
      owner = null
      if (last === null) return
      try {
        await inDirectory((path) => rmSync(toLockPath(path, last.id), { force: true }))
      } finally {
        last.lock.close()
      }
    },
  }
}

interface Owner {
  readonly id: string
  readonly lock: Pick<DatabaseSync, 'close'>
}

function createOwner(path: string): Owner {
  for (;;) {
    const id = randomUUID()
    const lock = openLock(toLockPath(path, id))
    if (lock === 'busy') continue
    let isOwned = false
    try {
      // A process that tidied before it was locked may have removed the file.
      isOwned = readStats(toLockPath(path, id)) !== null
      if (isOwned) return { id, lock }
    } finally {
      if (!isOwned) lock.close()
    }
  }
}

function toLockPath(path: string, owner: string): string {
  return `${path}/${owner}.lock`
}

const UUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}'
/** A temporary file or a lock. Other entries of the directory are not vouch's. */
const OWNED = new RegExp(`^(${UUID})\\.(?:${UUID}|lock)$`)

async function removeDead(path: string, own: Owner | null): Promise<void> {
  const entries = (await readdir(path)).filter((entry) => OWNED.test(entry))
  const byOwner = Map.groupBy(entries, (entry) => entry.slice(0, entry.indexOf('.')))
  for (const [id, entries] of byOwner) {
    const lock = id === own?.id ? 'busy' : openLock(toLockPath(path, id))
    if (lock === 'busy') continue
    try {
      for (const entry of entries) rmSync(`${path}/${entry}`, { force: true })
      rmSync(toLockPath(path, id), { force: true })
    } finally {
      lock.close()
    }
  }
}

/** Writes a body of `size` bytes of `digest`, zeros as holes, unsynced; throws `integrity` for another. */
export async function fill(
  handle: FileHandle,
  body: ReadableStream<Uint8Array>,
  options: Pick<PutOptions, 'size' | 'digest' | 'signal'>,
): Promise<void> {
  const { size, digest, signal } = options
  const hasher = createHasher()
  let written = 0
  const sink = new WritableStream<Uint8Array>({
    async write(chunk) {
      if (written + chunk.length > size) throw integrityError()
      await hasher.update(chunk)
      await writeSparse(handle, chunk, written)
      written += chunk.length
    },
  })
  await body.pipeTo(sink, signal === undefined ? {} : { signal })
  if (written !== size || (await hasher.digest()) !== digest) throw integrityError()
  await finishSparse(handle, size)
}

/** Opens the directory of temporary files; null before the first one. */
async function tryOpenDirectory(root: Root): Promise<Directory | null> {
  const directory = await root.open()
  try {
    return await descend(directory, [RESERVED, 'tmp'])
  } catch (error) {
    if (isAbsence(error) || getErrno(error) === 'ELOOP') return null
    throw error
  }
}

/** Null for the error of a path that leads to no entry; throws any other. */
export function ignoreMissing(error: unknown): null {
  if (getErrno(error) === 'ENOENT') return null
  throw error
}

/** The temporary files of a storage on each file system that it writes to, locked when the first is made. */
export function createTempFileOwners() {
  const owners = new Map<string, { readonly tempFiles: TempFiles; works: number }>()

  return {
    /**
     * Runs `work` on the file system of what was located. Concurrent works share its temporary files, whose
     * lock the last gives back: an open file would keep the file system from being unmounted.
     */
    async use<T>(
      located: Omit<Located, 'other'>,
      work: (root: Root, tempFiles: TempFiles) => Promise<T>,
    ): Promise<T> {
      const { place, device, inode } = located
      const root = createRoot(located)
      // Two roots of one key open the same directory.
      const key = `${place.device}:${place.inode}:${device}:${inode}:${root.place.path}`
      const owner = owners.get(key) ?? { tempFiles: createTempFiles(root), works: 0 }
      owners.set(key, owner)
      owner.works++
      try {
        return await work(root, owner.tempFiles)
      } finally {
        if (--owner.works === 0) {
          owners.delete(key)
          // The lock is given back even when its directory is gone.
          await owner.tempFiles.close().catch(() => {})
        }
      }
    },
  }
}
