import { constants, existsSync, fstatSync, lstatSync, readlinkSync, realpathSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { isAbsence } from './errno.ts'

/** The flags of open(2) for directories. */
export const DIRECTORY_FLAGS = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW

let known: boolean | undefined

/** Whether every descriptor has a path, as on Linux. */
export function hasDescriptorPaths(): boolean {
  known ??= existsSync('/proc/self/fd')
  return known
}

/** An open directory. The caller that opened it closes `handle`. */
export interface Directory {
  readonly handle: FileHandle
  /** The path of its entries; on Linux by the descriptor, which no move and no link in its place diverts. */
  readonly path: string
}

/** Opens a directory; throws the system error `ENOTDIR` or `ELOOP` for a file or a symbolic link. */
export async function openDirectory(path: string): Promise<Directory> {
  const handle = await open(path, DIRECTORY_FLAGS)
  return { handle, path: hasDescriptorPaths() ? `/proc/self/fd/${handle.fd}` : path }
}

/** Opens each segment below the one before, from `top` on; closes all but the last, which is the caller's. */
export async function descend(
  top: Directory,
  segments: readonly string[],
  enter = ({ path }: Directory, segment: string, _i: number) => openDirectory(`${path}/${segment}`),
): Promise<Directory> {
  let directory = top
  for (const [i, segment] of segments.entries()) {
    const above = directory
    try {
      directory = await enter(above, segment, i)
    } finally {
      await above.handle.close()
    }
  }
  return directory
}

/** Whether the open file `fd` lies at exactly `path`, without links on the way; on the calling thread. */
export function isAt({ fd }: { readonly fd: number }, path: string | Buffer): boolean {
  if (!hasDescriptorPaths()) return isAtByName({ fd }, path)
  const link = `/proc/self/fd/${fd}`
  return typeof path === 'string'
    ? readlinkSync(link) === path
    : readlinkSync(link, { encoding: 'buffer' }).equals(path)
}

/** `isAt` where descriptors have no path: by a stat of `path` a moment later. */
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
