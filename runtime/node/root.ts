import { realpathSync, statSync } from 'node:fs'
import { lstat } from 'node:fs/promises'
import { StorageError } from '../../functions/wire/trouble.ts'
import { type Directory, openDirectory } from './directory.ts'
import { getErrno, isAbsence, toIoError } from './errno.ts'

/** The directory below which a storage's files lie, as it was when the storage was made. */
export interface Root {
  /** Where a file of this (valid) name lies. */
  toPath(name: string): string
  /** Opens it; `unreachable` when it is gone. Who opened it closes it. */
  open(): Promise<Directory>
  /**
   * Resolves when it is still there and on the same device, and throws `unreachable` otherwise. An unmounted disk
   * leaves an empty directory behind, in which every name would look absent.
   */
  requireThere(): Promise<void>
  /** The device it is on. */
  readonly device: bigint
}

/** The directory at `path`. Throws an Error that names `path` when there is none. */
export function createRoot(path: string): Root {
  const { real, device } = resolveRoot(path)

  async function requireThere(): Promise<void> {
    const stats = await lstat(real, { bigint: true }).catch((error) => {
      throw isAbsence(error) ? gone(error) : toIoError(error, 'read')
    })
    if (!stats.isDirectory() || stats.dev !== device) throw gone()
  }

  async function open(): Promise<Directory> {
    const directory = await openDirectory(real).catch((error) => {
      throw isAbsence(error) || getErrno(error) === 'ELOOP' ? gone(error) : toIoError(error, 'read')
    })
    try {
      const stats = await directory.handle.stat({ bigint: true })
      if (stats.dev !== device) throw gone()
      return directory
    } catch (error) {
      await directory.handle.close()
      throw toIoError(error, 'read')
    }
  }

  return { toPath: (name) => (real === '/' ? `/${name}` : `${real}/${name}`), open, requireThere, device }
}

function resolveRoot(path: string): { real: string; device: bigint } {
  try {
    const real = realpathSync(path)
    const stats = statSync(real, { bigint: true })
    if (stats.isDirectory()) return { real, device: stats.dev }
  } catch (error) {
    throw new Error(`'${path}' cannot be opened as a directory (${getErrno(error)})`, { cause: error })
  }
  throw new Error(`'${path}' is not a directory`)
}

function gone(cause?: unknown): StorageError {
  return new StorageError('unreachable', 'the directory is gone', { cause })
}
