import { lstat, mkdir } from 'node:fs/promises'
import { StorageError } from '../../functions/wire/trouble.ts'
import { type Directory, openDirectory } from './directory.ts'
import { getErrno, toIoError } from './errno.ts'
import { notAFile } from './regular-file.ts'
import type { Root } from './root.ts'

/**
 * Opens a directory below the root, making it and those above it where they lack, there to stay, and never through a
 * link. Who opened it closes it. Throws `precondition` when a file stands in the way.
 */
export async function openBelow(root: Root, segments: readonly string[], mode = 0o777): Promise<Directory> {
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
  } catch (error) {
    if (getErrno(error) !== 'EEXIST') throw toIoError(error, 'written')
  }
  // Also when it was there: who made it may have been killed before it was on the disk.
  await above.handle.sync()
  try {
    return await openDirectory(path)
  } catch (error) {
    if (!['ENOTDIR', 'ELOOP'].includes(getErrno(error))) throw toIoError(error, 'written')
    if ((await lstat(path)).isSymbolicLink()) throw notAFile()
    throw unexpected('a file stands where the name needs a directory', error)
  }
}

/** Runs `run` with a path for `name` that leads through its open directory, which is then on the disk as it is. */
export async function withParent<T>(root: Root, name: string, run: (path: string) => Promise<T>): Promise<T> {
  const segments = name.split('/')
  const parent = await openBelow(root, segments.slice(0, -1))
  try {
    const result = await run(`${parent.path}/${segments.at(-1)}`)
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
