import { lstat, mkdir } from 'node:fs/promises'
import type { Modes } from '../../functions/wire/attributes.ts'
import { StorageError } from '../../functions/wire/trouble.ts'
import { type Directory, openDirectory } from './directory.ts'
import { getErrno, toIoError } from './errno.ts'
import { dressDirectory, toDirectoryMode } from './file-attributes.ts'
import { notAFile } from './regular-file.ts'
import type { Root } from './root.ts'

/** The permissions of directories that are made: `mode` less the process's mask, or `modes`, one for each, as they are. */
export type MakeOptions = { readonly mode: number } | { readonly modes: Modes }

/**
 * Opens a directory below the root. Makes it and its parents where they are missing, durably (fsynced), and never
 * follows a symbolic link. The caller closes it. Throws `precondition` when a file stands in the way.
 */
export async function openBelow(
  root: Root,
  segments: readonly string[],
  options: MakeOptions = { mode: 0o777 },
): Promise<Directory> {
  let directory = await root.open()
  for (const [i, segment] of segments.entries()) {
    const above = directory
    try {
      directory = await openOrMake(above, segment, 'modes' in options ? { exact: options.modes[i] } : options)
    } finally {
      await above.handle.close()
    }
  }
  return directory
}

async function openOrMake(
  above: Directory,
  segment: string,
  options: { readonly mode?: number; readonly exact?: number | undefined },
): Promise<Directory> {
  const path = `${above.path}/${segment}`
  const { exact } = options
  const isMade = await tryMake(path, exact === undefined ? options.mode : toDirectoryMode(exact))
  // Also when it was there: who made it may have been killed before it was on the disk.
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

/** Whether there was nothing before. */
async function tryMake(path: string, mode: number | undefined): Promise<boolean> {
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
    throw unexpected('a file stands where the name needs a directory', error)
  }
}

/**
 * Runs `run` with a path for `name` that leads through its open directory, and fsyncs that. Directories that are made
 * have the permissions `modes`, one for each segment of the name; those of the process's mask when absent.
 */
export async function withParent<T>(
  root: Root,
  name: string,
  run: (path: string, parent: Directory) => Promise<T>,
  modes?: Modes,
): Promise<T> {
  const segments = name.split('/')
  const parent = await openBelow(root, segments.slice(0, -1), modes && { modes })
  try {
    const result = await run(`${parent.path}/${segments.at(-1)}`, parent)
    await parent.handle.sync()
    return result
  } finally {
    await parent.handle.close()
  }
}

/** The refusal of a write whose condition does not hold. */
export function unexpected(message: string, cause?: unknown): StorageError {
  return new StorageError('precondition', message, { cause })
}
