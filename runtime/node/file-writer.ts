import { randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, link, lstat, mkdir, open, rename, unlink } from 'node:fs/promises'
import { RESERVED, requireName } from '../../functions/storage/names.ts'
import type { Facts, PutOptions, Storage } from '../../functions/storage/storage.ts'
import { StorageError } from '../../functions/wire/trouble.ts'
import { type Directory, openDirectory } from './directory.ts'
import { getErrno, toIoError } from './errno.ts'
import type { Current, FileReader } from './file-reader.ts'
import { createHasher } from './hasher.ts'
import { readIdentity, toModified } from './identity.ts'
import { createLocks } from './locks.ts'
import { notAFile } from './regular-file.ts'
import type { Root } from './root.ts'

const FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW

/** Writes files below `root`, each by way of a temporary one in `.vouch/tmp/`; see `Storage.put`. */
export function createFileWriter(root: Root, reader: FileReader): Storage['put'] {
  const lock = createLocks()

  async function place(name: string, draft: Draft, { replaces, signal }: PutOptions): Promise<void> {
    if (replaces === null) return await create(root, name, draft)
    // Between the look and the rename no other writer of this process may come.
    await lock(name, async () => {
      const current = await reader.readCurrent(name, { signal })
      if (current?.digest !== replaces) throw unexpected('the file is not the one to be replaced')
      await replace(root, name, draft, current)
    })
  }

  async function put(name: string, body: ReadableStream<Uint8Array>, options: PutOptions): Promise<Facts> {
    requireName(name)
    options.signal?.throwIfAborted()
    await root.requireThere()
    const drafts = await openBelow(root, [RESERVED, 'tmp'], 0o700)
    try {
      return await withDraft(drafts, async (draft) => {
        const facts = await fill(draft.handle, body, options)
        await place(name, draft, options)
        return facts
      })
    } catch (error) {
      throw toIoError(error, 'written')
    } finally {
      await drafts.handle.close()
    }
  }

  return put
}

/** A file being written. */
interface Draft {
  readonly handle: FileHandle
  readonly path: string
}

/** What `run` makes of a new file in `directory`, which is gone from there afterwards. */
async function withDraft<T>(directory: Directory, run: (draft: Draft) => Promise<T>): Promise<T> {
  const path = `${directory.path}/${randomUUID()}`
  const handle = await open(path, FLAGS, 0o666)
  try {
    return await run({ handle, path })
  } finally {
    await handle.close()
    await unlink(path).catch(ignoreAbsence)
  }
}

/** Writes what must be `size` bytes of `digest`, down to the disk. */
async function fill(
  handle: FileHandle,
  body: ReadableStream<Uint8Array>,
  options: PutOptions,
): Promise<Facts> {
  const { size, digest, signal } = options
  const hasher = createHasher()
  let written = 0
  const sink = new WritableStream<Uint8Array>({
    async write(chunk) {
      if (written + chunk.length > size) throw contradicted()
      await hasher.update(chunk)
      await writeAll(handle, chunk, written)
      written += chunk.length
    },
  })
  await body.pipeTo(sink, signal === undefined ? {} : { signal })
  if (written !== size || (await hasher.digest()) !== digest) throw contradicted()
  await handle.sync()
  return { size, digest, modified: toModified(await readIdentity(handle)), evidence: 'computed' }
}

async function writeAll(handle: FileHandle, chunk: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < chunk.length; ) {
    const { bytesWritten } = await handle.write(chunk, done, chunk.length - done, position + done)
    done += bytesWritten
  }
}

/** Gives the draft its name, if nothing has that name. */
async function create(root: Root, name: string, draft: Draft): Promise<void> {
  await withParent(root, name, async (path) => {
    try {
      await link(draft.path, path)
    } catch (error) {
      throw getErrno(error) === 'EEXIST' ? unexpected('something has this name already', error) : error
    }
  })
}

/** Puts the draft in the place of `current`, under the same permissions. */
async function replace(root: Root, name: string, draft: Draft, current: Current): Promise<void> {
  await draft.handle.chmod(current.mode)
  await withParent(root, name, (path) => rename(draft.path, path))
}

/** Runs `run` with a path for `name` that leads through its open directory, which is then on the disk as it is. */
async function withParent(root: Root, name: string, run: (path: string) => Promise<void>): Promise<void> {
  const segments = name.split('/')
  const parent = await openBelow(root, segments.slice(0, -1))
  try {
    await run(`${parent.path}/${segments.at(-1)}`)
    await parent.handle.sync()
  } finally {
    await parent.handle.close()
  }
}

/** Opens a directory below the root, making it and those above it where they lack, and never through a link. */
async function openBelow(root: Root, segments: readonly string[], mode = 0o777): Promise<Directory> {
  let directory = await root.open()
  for (const segment of segments) {
    const above = directory
    try {
      directory = await openOrMake(above, segment, mode)
    } finally {
      await above.handle.close()
    }
  }
  return directory
}

async function openOrMake(above: Directory, segment: string, mode: number): Promise<Directory> {
  const path = `${above.path}/${segment}`
  try {
    await mkdir(path, mode)
    await above.handle.sync()
  } catch (error) {
    if (getErrno(error) !== 'EEXIST') throw toIoError(error, 'written')
  }
  try {
    return await openDirectory(path)
  } catch (error) {
    if (!['ENOTDIR', 'ELOOP'].includes(getErrno(error))) throw toIoError(error, 'written')
    if ((await lstat(path)).isSymbolicLink()) throw notAFile()
    throw unexpected('a file stands where the name needs a directory', error)
  }
}

function ignoreAbsence(error: unknown): void {
  if (getErrno(error) !== 'ENOENT') throw error
}

function contradicted(): StorageError {
  return new StorageError('integrity', 'the bytes contradict their digest')
}

function unexpected(message: string, cause?: unknown): StorageError {
  return new StorageError('precondition', message, { cause })
}
