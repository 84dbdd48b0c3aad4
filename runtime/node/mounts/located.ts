import { type Directory, descend, openDirectory } from '../files/directory.ts'
import { isAbsence, toIoError } from '../files/errno.ts'
import { gone, type Place, type Root, toPath } from '../files/root.ts'

/** Where a name is to be written. */
export interface Located {
  readonly place: Place
  /**
   * The path below the root at which the name's file system begins; '' for the root. Files can be moved and
   * linked only within one file system, so writes there use a `.vouch/` of its own.
   */
  readonly top: string
  readonly device: bigint
  readonly inode: bigint
  /** The name that the directory lists for it, if that is another; see `ExactNames.findOther`. */
  readonly other: string | null
}

/** The root of writes to what was located: the top of its file system, and no other directory there. */
export function createRoot({ place, top, device, inode }: Omit<Located, 'other'>): Root {
  async function open(): Promise<Directory> {
    const whole = await requireSame(await openDirectory(place.path), place)
    return await requireSame(await descend(whole, top === '' ? [] : top.split('/')), { device, inode })
  }

  return {
    place: top === '' ? place : { ...place, path: toPath(place, top), device, inode, mounts: new Set() },
    async open() {
      try {
        return await open()
      } catch (error) {
        throw isAbsence(error) ? gone(error) : toIoError(error, 'read')
      }
    },
  }
}

async function requireSame(
  directory: Directory,
  { device, inode }: Pick<Place, 'device' | 'inode'>,
): Promise<Directory> {
  let isSame = false
  try {
    const { dev, ino } = await directory.handle.stat({ bigint: true })
    isSame = dev === device && ino === inode
    if (isSame) return directory
  } finally {
    if (!isSame) await directory.handle.close()
  }
  throw gone()
}
