import { constants, existsSync, fstatSync, lstatSync, readlinkSync, realpathSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { isAbsence } from './errno.ts'

/** What directories are opened with. */
export const DIRECTORY_FLAGS = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW

let known: boolean | undefined

/** Whether a path leads to the file behind every descriptor, as on Linux. Not looked for where no directory is opened. */
export function hasDescriptorPaths(): boolean {
  known ??= existsSync('/proc/self/fd')
  return known
}

/** An open directory. Who opened it closes `handle`. */
export interface Directory {
  readonly handle: FileHandle
  /**
   * The path to reach its entries by. On Linux it leads through the descriptor, so that a directory that is moved
   * away, or swapped for a symbolic link, leads nowhere else.
   */
  readonly path: string
}

/** Opens a directory; a symbolic link or a file in its place is the system error `ENOTDIR` (or `ELOOP`). */
export async function openDirectory(path: string): Promise<Directory> {
  const handle = await open(path, DIRECTORY_FLAGS)
  return { handle, path: hasDescriptorPaths() ? `/proc/self/fd/${handle.fd}` : path }
}

/** Whether what is open behind `fd` lies at exactly `path`, no symbolic link on the way; asked on the calling thread. */
export function isAt({ fd }: { readonly fd: number }, path: string | Buffer): boolean {
  if (!hasDescriptorPaths()) return isAtByName({ fd }, path)
  const link = `/proc/self/fd/${fd}`
  return typeof path === 'string'
    ? readlinkSync(link) === path
    : readlinkSync(link, { encoding: 'buffer' }).equals(path)
}

/** `isAt` where descriptors have no path: by what is at `path` a moment later. */
export function isAtByName({ fd }: { readonly fd: number }, path: string | Buffer): boolean {
  try {
    if (!Buffer.from(path).equals(realpathSync(path, { encoding: 'buffer' }))) return false
    const there = lstatSync(path, { bigint: true })
    const here = fstatSync(fd, { bigint: true })
    return there.dev === here.dev && there.ino === here.ino
  } catch (error) {
    if (isAbsence(error)) return false
    throw error
  }
}
