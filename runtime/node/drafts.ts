import { randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, lstat, open, readdir, unlink } from 'node:fs/promises'
import { RESERVED } from '../../functions/storage/names.ts'
import type { PutOptions } from '../../functions/storage/storage.ts'
import { StorageError } from '../../functions/wire/trouble.ts'
import { openBelow } from './below.ts'
import { type Directory, openDirectory } from './directory.ts'
import { getErrno, isAbsence } from './errno.ts'
import { createHasher } from './hasher.ts'
import { STALE_DRAFT_MS } from './limits.ts'
import type { Root } from './root.ts'
import { finishSparse, writeSparse } from './sparse.ts'

const FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW

/** A file being written. */
export interface Draft {
  readonly handle: FileHandle
  readonly path: string
}

/** What `run` makes of a new file in `.vouch/tmp`, which is gone from there afterwards. */
export async function withDraft<T>(root: Root, run: (draft: Draft) => Promise<T>): Promise<T> {
  return await withDraftPath(root, async (path) => {
    const handle = await open(path, FLAGS, 0o666)
    try {
      return await run({ handle, path })
    } finally {
      await handle.close()
    }
  })
}

/** What `run` makes of a path in `.vouch/tmp` that nobody else uses, and at which nothing is afterwards. */
export async function withDraftPath<T>(root: Root, run: (path: string) => Promise<T>): Promise<T> {
  const drafts = await openBelow(root, [RESERVED, 'tmp'], { mode: 0o700 })
  const path = `${drafts.path}/${randomUUID()}`
  try {
    return await run(path)
  } finally {
    await unlink(path)
      .catch(ignoreAbsence)
      .finally(() => drafts.handle.close())
  }
}

/** Writes what must be `size` bytes of `digest`, down to the disk, zeros as holes; `integrity` when it is not. */
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
  await handle.sync()
}

/** Removes the drafts that were left behind, by a process that was killed, longer than `STALE_DRAFT_MS` before `now`. */
export async function removeStaleDrafts(root: Root, now: number): Promise<void> {
  const drafts = await openDrafts(root)
  if (drafts === null) return
  try {
    for (const entry of await readdir(drafts.path)) {
      if (isDraft(entry)) await removeIfStale(`${drafts.path}/${entry}`, now)
    }
  } finally {
    await drafts.handle.close()
  }
}

/** Null when there are none; this makes nothing. */
async function openDrafts(root: Root): Promise<Directory | null> {
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

/** Whether it bears a name that `withDraftPath` gives: anything else is somebody else's. */
function isDraft(entry: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(entry)
}

async function removeIfStale(path: string, now: number): Promise<void> {
  try {
    const stats = await lstat(path)
    if (stats.isFile() && now - Math.max(stats.mtimeMs, stats.ctimeMs) > STALE_DRAFT_MS) await unlink(path)
  } catch (error) {
    ignoreAbsence(error)
  }
}

function ignoreAbsence(error: unknown): void {
  if (getErrno(error) !== 'ENOENT') throw error
}

function contradicted(): StorageError {
  return new StorageError('integrity', 'the bytes contradict their digest')
}
