import { type Directory, openDirectory } from './directory.ts'
import { isAbsence, toIoError } from './errno.ts'
import { gone, type Place, type Root, toPath } from './root.ts'

/** Where a name is to be written, as it was found a moment ago. */
export interface Located {
  readonly place: Place
  /**
   * The path below the root of the directory at which the name's file system begins; '' for the root. Files can be moved
   * and linked only within one file system, so what is written there goes by way of a `.vouch/` of its own.
   */
  readonly top: string
  readonly device: bigint
  readonly inode: bigint
  /** What is listed where the name is found, if that is another name; see `ExactNames.findOther`. */
  readonly other: string | null
}

/** The top of the file system of what was located, and no other directory in its place. */
export function createRoot({ place, top, device, inode }: Omit<Located, 'other'>): Root {
  async function open(): Promise<Directory> {
    let directory = await openSame(place.path, place)
    for (const segment of top === '' ? [] : top.split('/')) {
      const above = directory
      try {
        directory = await openDirectory(`${above.path}/${segment}`)
      } finally {
        await above.handle.close()
      }
    }
    return await requireSame(directory, { device, inode })
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

async function openSame(path: string, expected: Pick<Place, 'device' | 'inode'>): Promise<Directory> {
  return await requireSame(await openDirectory(path), expected)
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
