import { randomUUID } from 'node:crypto'
import { constants, rmSync } from 'node:fs'
import { type FileHandle, open, readdir, unlink } from 'node:fs/promises'
import type { DatabaseSync } from 'node:sqlite'
import { RESERVED } from '../../functions/storage/names.ts'
import type { PutOptions } from '../../functions/storage/storage.ts'
import { StorageError } from '../../functions/wire/trouble.ts'
import { openBelow } from './below.ts'
import { type Directory, openDirectory } from './directory.ts'
import { getErrno, isAbsence } from './errno.ts'
import { createHasher } from './hasher.ts'
import { readStats } from './regular-file.ts'
import type { Root } from './root.ts'
import { finishSparse, writeSparse } from './sparse.ts'
import { openLock } from './turns.ts'

const FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW

/** A file being written. */
export interface Draft {
  readonly handle: FileHandle
  readonly path: string
}

/** The temporary files of one storage, below `.vouch/tmp`. */
export interface Drafts {
  /** What `run` makes of a new file, which is gone from there afterwards. */
  withDraft<T>(run: (draft: Draft) => Promise<T>): Promise<T>
  /** What `run` makes of a path that nobody else uses, and at which nothing is afterwards. */
  withPath<T>(run: (path: string) => Promise<T>): Promise<T>
  /** Removes what processes left behind that have ended. */
  tidy(): Promise<void>
  /** Gives the lock back, once no draft is left. A draft that is made after that takes another. */
  close(): Promise<void>
}

/**
 * Drafts bear the name of their owner, who holds a lock from its first draft on. A lock ends with its process, however
 * that ends: drafts whose owner can be locked have no owner any more. They are removed before another is made.
 */
export function createDrafts(root: Root): Drafts {
  let owner: Owner | null = null

  async function withPath<T>(run: (path: string) => Promise<T>): Promise<T> {
    const directory = await openBelow(root, [RESERVED, 'tmp'], { mode: 0o700 })
    try {
      await removeDead(directory.path, owner)
      owner ??= createOwner(directory.path)
      const path = `${directory.path}/${owner.id}.${randomUUID()}`
      try {
        return await run(path)
      } finally {
        await unlink(path).catch(ignoreAbsence)
      }
    } finally {
      await directory.handle.close()
    }
  }

  /** What `run` makes of the directory of drafts; undefined where there is none. */
  async function inTemporary<T>(run: (path: string) => T | Promise<T>): Promise<T | undefined> {
    const directory = await openTemporary(root)
    if (directory === null) return undefined
    try {
      return await run(directory.path)
    } finally {
      await directory.handle.close()
    }
  }

  async function close(): Promise<void> {
    const last = owner
    owner = null
    if (last === null) return
    try {
      await inTemporary((path) => rmSync(toLockPath(path, last.id), { force: true }))
    } finally {
      last.lock.close()
    }
  }

  return {
    withPath,
    withDraft: (run) =>
      withPath(async (path) => {
        const handle = await open(path, FLAGS, 0o666)
        try {
          return await run({ handle, path })
        } finally {
          await handle.close()
        }
      }),
    tidy: async () => await inTemporary((path) => removeDead(path, owner)),
    close,
  }
}

/** Who has drafts. */
interface Owner {
  /** A UUID, which no owner has had before. */
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
      // A process that tidied before it was locked may have taken the file away.
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
/** A draft or a lock; anything else in the directory is somebody else's. */
const OWNED = new RegExp(`^(${UUID})\\.(?:${UUID}|lock)$`)

async function removeDead(path: string, own: Owner | null): Promise<void> {
  const drafts = new Map<string, string[]>()
  for (const entry of await readdir(path)) {
    const id = OWNED.exec(entry)?.[1]
    if (id === undefined || id === own?.id) continue
    drafts.set(id, [...(drafts.get(id) ?? []), entry])
  }
  for (const [id, entries] of drafts) {
    const lock = openLock(toLockPath(path, id))
    if (lock === 'busy') continue
    try {
      for (const entry of entries) rmSync(`${path}/${entry}`, { force: true })
      rmSync(toLockPath(path, id), { force: true })
    } finally {
      lock.close()
    }
  }
}

/** Writes what must be `size` bytes of `digest`, zeros as holes; `integrity` when it is not. The caller syncs the file. */
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
      if (written + chunk.length > size) throw contradicted()
      await hasher.update(chunk)
      await writeSparse(handle, chunk, written)
      written += chunk.length
    },
  })
  await body.pipeTo(sink, signal === undefined ? {} : { signal })
  if (written !== size || (await hasher.digest()) !== digest) throw contradicted()
  await finishSparse(handle, size)
}

/** Null when there are none; this makes nothing. */
async function openTemporary(root: Root): Promise<Directory | null> {
  const directory = await root.open()
  try {
    const own = await openDirectory(`${directory.path}/${RESERVED}`)
    try {
      return await openDirectory(`${own.path}/tmp`)
    } finally {
      await own.handle.close()
    }
  } catch (error) {
    if (isAbsence(error) || getErrno(error) === 'ELOOP') return null
    throw error
  } finally {
    await directory.handle.close()
  }
}

function ignoreAbsence(error: unknown): void {
  if (getErrno(error) !== 'ENOENT') throw error
}

function contradicted(): StorageError {
  return new StorageError('integrity', 'the bytes contradict their digest')
}
