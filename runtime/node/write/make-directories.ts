import { lstat, mkdir } from 'node:fs/promises'
import { RESERVED } from '../../../functions/storage/names.ts'
import type { Modes } from '../../../functions/wire/attributes.ts'
import { StorageError } from '../../../functions/wire/storage-error.ts'
import { type Directory, descend, openDirectory } from '../files/directory.ts'
import { getErrno, toIoError } from '../files/errno.ts'
import { dressDirectory, toDirectoryMode } from '../files/file-attributes.ts'
import { notAFile } from '../files/regular-file.ts'
import type { Root } from '../files/root.ts'

/** The permissions of new directories: `mode` less the process's mask, or exactly `modes`, one for each. */
interface MakeOptions {
  readonly mode?: number
  readonly modes?: Modes | undefined
}

/**
 * Opens a directory below the root, creates missing ones on the way durably (fsynced), and never follows a
 * symbolic link. The caller closes it. Throws `precondition` when a file is in the way.
 */
export async function makeDirectories(
  root: Root,
  segments: readonly string[],
  { mode = 0o777, modes }: MakeOptions,
): Promise<Directory> {
  return await descend(await root.open(), segments, (above, segment, i) =>
    openOrMake(above, segment, mode, modes?.[i]),
  )
}

async function openOrMake(
  above: Directory,
  segment: string,
  mode: number,
  exact: number | undefined,
): Promise<Directory> {
  const path = `${above.path}/${segment}`
  const isMade = await tryMake(path, exact === undefined ? mode : toDirectoryMode(exact))
  // Even if it existed: the process that made it may have been killed before it was on the disk.
  await above.handle.sync()
  const directory = await openMade(path)
  if (!isMade || exact === undefined) return directory
  try {
    await dressDirectory(directory.handle, exact)
    return directory
  } catch (error) {
    await directory.handle.close()
    throw toIoError(error, 'written')
  }
}

/** Whether it made the directory; false when something was there. */
async function tryMake(path: string, mode: number): Promise<boolean> {
  try {
    await mkdir(path, mode)
    return true
  } catch (error) {
    if (getErrno(error) === 'EEXIST') return false
    throw toIoError(error, 'written')
  }
}

async function openMade(path: string): Promise<Directory> {
  try {
    return await openDirectory(path)
  } catch (error) {
    if (!['ENOTDIR', 'ELOOP'].includes(getErrno(error))) throw toIoError(error, 'written')
    if ((await lstat(path)).isSymbolicLink()) throw notAFile()
    throw unexpected('a file is where the name needs a directory', error)
  }
}

/** Runs `run` with a directory that `makeDirectories` opens, and closes it. */
async function withDirectory<T>(
  root: Root,
  segments: readonly string[],
  options: MakeOptions,
  run: (directory: Directory) => Promise<T>,
): Promise<T> {
  const directory = await makeDirectories(root, segments, options)
  try {
    return await run(directory)
  } finally {
    await directory.handle.close()
  }
}

/** `withDirectory` of a directory of vouch's own, below `.vouch/`. */
export async function withOwnDirectory<T>(
  root: Root,
  segments: readonly string[],
  run: (directory: Directory) => Promise<T>,
): Promise<T> {
  return await withDirectory(root, [RESERVED, ...segments], { mode: 0o700 }, run)
}

/**
 * Runs `run` with a path for `name` that leads through its open directory, and fsyncs that. New directories
 * have the permissions `modes`, one for each segment of the name; those of the process's mask when absent.
 */
export async function withParent<T>(
  root: Root,
  name: string,
  run: (path: string, parent: Directory) => Promise<T>,
  modes?: Modes,
): Promise<T> {
  const segments = name.split('/')
  return await withDirectory(root, segments.slice(0, -1), { modes }, async (parent) => {
    const result = await run(`${parent.path}/${segments.at(-1)}`, parent)
    await parent.handle.sync()
    return result
  })
}

/** The error for a write whose condition does not hold. */
export function unexpected(message: string, cause?: unknown): StorageError {
  return new StorageError('precondition', message, { cause })
}

/** The error for a name that is to be new, and is not. */
export function taken(cause?: unknown): StorageError {
  return unexpected('a file or directory of this name exists', cause)
}
