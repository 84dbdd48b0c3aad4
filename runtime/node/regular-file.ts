import { type BigIntStats, constants } from 'node:fs'
import { type FileHandle, lstat, open } from 'node:fs/promises'
import { StorageError } from '../../functions/wire/trouble.ts'
import { isAt } from './directory.ts'
import { getErrno, isAbsence, toIoError } from './errno.ts'
import { type Identity, toIdentity } from './identity.ts'
import { MAX_ATTEMPTS } from './limits.ts'
import type { Root } from './root.ts'

/** O_NONBLOCK: opening a FIFO would wait for a writer. */
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

/** A regular file, open, and its identity at that moment. Who opened it closes `handle`. */
export interface RegularFile {
  readonly handle: FileHandle
  readonly identity: Identity
  /** Permission bits. */
  readonly mode: number
}

/**
 * Opens the regular file of this (valid) name; null when there is none. Throws `not-a-file` for what is never served,
 * a link among the parents included, `unreachable` when the root is gone, `changed` when the file keeps being moved.
 */
export async function openFile(root: Root, name: string): Promise<RegularFile | null> {
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    const file = await tryOpen(root, name)
    if (file !== 'moved') return file
  }
  throw new StorageError('changed', 'the file was moved while it was opened')
}

/** What `run` makes of the file of this name, null when there is none; the file is closed afterwards. */
export async function withFile<T>(
  root: Root,
  name: string,
  run: (file: RegularFile) => Promise<T>,
): Promise<T | null> {
  const file = await openFile(root, name)
  if (file === null) return null
  try {
    return await run(file)
  } catch (error) {
    throw toIoError(error, 'read')
  } finally {
    await file.handle.close()
  }
}

async function tryOpen(root: Root, name: string): Promise<RegularFile | null | 'moved'> {
  const path = root.toPath(name)
  let handle: FileHandle
  try {
    handle = await open(path, FLAGS)
  } catch (error) {
    return await explain(root, name, error)
  }
  let kept: RegularFile | null | 'moved' = null
  try {
    const stats = await handle.stat({ bigint: true })
    // A file on another device than the root's: a mount below it, or what lay below the root's own mount.
    if (stats.dev !== root.device) await root.requireThere()
    if (await isAt(handle, path)) kept = isRegular(stats) ? toFile(handle, stats) : null
    else {
      await requireNoLink(root, name)
      await root.requireThere()
      kept = 'moved'
    }
  } catch (error) {
    throw toIoError(error, 'read')
  } finally {
    if (kept === null || kept === 'moved') await handle.close()
  }
  return kept
}

function toFile(handle: FileHandle, stats: BigIntStats): RegularFile {
  return { handle, identity: toIdentity(stats), mode: Number(stats.mode & 0o777n) }
}

/** Whether it is a regular file; false for a directory, `not-a-file` for anything else. */
function isRegular(stats: BigIntStats): boolean {
  if (stats.isFile() || stats.isDirectory()) return stats.isFile()
  throw notAFile()
}

/** What it means that a file could not be opened: null when there is none, otherwise throws. */
async function explain(root: Root, name: string, error: unknown): Promise<null> {
  await requireNoLink(root, name)
  if (isAbsence(error)) {
    await root.requireThere()
    return null
  }
  if (getErrno(error) === 'ELOOP') throw notAFile()
  // What must not be read may still be seen: no directory, device or socket is a file that failed.
  const stats = await lstat(root.toPath(name), { bigint: true }).catch(() => null)
  if (stats === null || isRegular(stats)) throw toIoError(error, 'read')
  return null
}

/** Throws `not-a-file` when one of the directories that lead to a name is a symbolic link. */
async function requireNoLink(root: Root, name: string): Promise<void> {
  for (let end = name.indexOf('/'); end !== -1; end = name.indexOf('/', end + 1)) {
    try {
      const stats = await lstat(root.toPath(name.slice(0, end)))
      if (stats.isSymbolicLink()) throw notAFile()
    } catch (error) {
      if (isAbsence(error)) return
      throw toIoError(error, 'read')
    }
  }
}

/** The refusal of what is never served. */
export function notAFile(): StorageError {
  return new StorageError('not-a-file', 'no regular file has this name, and nothing else is served')
}
