import { type BigIntStats, closeSync, lstatSync, openSync, realpathSync, statSync } from 'node:fs'
import { lstat } from 'node:fs/promises'
import { StorageError } from '../../functions/wire/trouble.ts'
import { DIRECTORY_FLAGS, type Directory, openDirectory } from './directory.ts'
import { getErrno, isAbsence, toIoError } from './errno.ts'

/** Where a root lies; threads hand it to each other. */
export interface Place {
  /** Absolute, without symbolic links. */
  readonly path: string
  /** The device it is on. */
  readonly device: bigint
}

/** The directory below which a storage's files lie, as it was when the storage was made. */
export interface Root {
  readonly place: Place
  /** Opens it; `unreachable` when it is gone. Who opened it closes it. */
  open(): Promise<Directory>
  /**
   * Resolves when it is still there and on the same device, and throws `unreachable` otherwise. An unmounted disk
   * leaves an empty directory behind, in which every name would look absent.
   */
  requireThere(): Promise<void>
}

/** The directory at `path`. Throws an Error that names `path` when there is none, or it may not be read. */
export function createRoot(path: string): Root {
  const place = resolvePlace(path)

  async function requireThere(): Promise<void> {
    try {
      requireSame(place, await lstat(place.path, { bigint: true }))
    } catch (error) {
      throw toRootError(error)
    }
  }

  async function open(): Promise<Directory> {
    const directory = await openDirectory(place.path).catch((error) => {
      throw toRootError(error)
    })
    try {
      requireSame(place, await directory.handle.stat({ bigint: true }))
      return directory
    } catch (error) {
      await directory.handle.close()
      throw toRootError(error)
    }
  }

  return { place, open, requireThere }
}

/** Where a file of this (valid) name lies. */
export function toPath({ path }: Place, name: string): string {
  return path === '/' ? `/${name}` : `${path}/${name}`
}

/** `Root.requireThere`, on the calling thread. */
export function requireRoot(place: Place): void {
  try {
    requireSame(place, lstatSync(place.path, { bigint: true }))
  } catch (error) {
    throw toRootError(error)
  }
}

function requireSame({ device }: Place, stats: BigIntStats): void {
  if (!stats.isDirectory() || stats.dev !== device) throw gone()
}

function toRootError(error: unknown): unknown {
  return isAbsence(error) || getErrno(error) === 'ELOOP' ? gone(error) : toIoError(error, 'read')
}

function resolvePlace(path: string): Place {
  try {
    const real = realpathSync(path)
    const stats = statSync(real, { bigint: true })
    if (stats.isDirectory()) {
      requireReadable(real)
      return { path: real, device: stats.dev }
    }
  } catch (error) {
    throw new Error(`'${path}' cannot be opened as a directory (${getErrno(error)})`, { cause: error })
  }
  throw new Error(`'${path}' is not a directory`)
}

/** Throws unless its names can be read, and what they lead to. Bun's `opendirSync` does not open a directory: open(2) does. */
function requireReadable(path: string): void {
  closeSync(openSync(`${path}/.`, DIRECTORY_FLAGS))
}

function gone(cause?: unknown): StorageError {
  return new StorageError('unreachable', 'the directory is gone', { cause })
}
