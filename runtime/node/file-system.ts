import { createHash } from 'node:crypto'
import { lstatSync, readdirSync, realpathSync, statfsSync } from 'node:fs'
import { basename } from 'node:path'
import { type MountEntry, readMountEntries } from './mounts.ts'
import type { Place } from './root.ts'

/**
 * A file system that moves a file's times at the first store through a mapping after each sync, and at every other change,
 * so that a digest may be remembered by them.
 */
export interface FileSystem {
  /** Absolute: where it was met. */
  readonly path: string
  /** The device number of the files that this holds for. */
  readonly device: bigint
  /** What stands for the device in identities that outlast a mount: two file systems never have the same one. */
  readonly id: bigint
}

/** A file system, or why no digest of its files is remembered: a clause. */
export type Looked = FileSystem | { readonly why: string }

/** See statfs(2). */
const EXT = 0xef53
const XFS = 0x58465342
const BTRFS = 0x9123683e
const OVERLAY = 0x794c7630
const FUSE = 0x65735546
const TMPFS = 0x01021994
const RAMFS = 0x858458f6

/** Names for people where no mount entry has one. */
const KINDS: ReadonlyMap<number, string> = new Map([
  [FUSE, 'fuse'],
  [TMPFS, 'tmpfs'],
  [RAMFS, 'ramfs'],
  [0x73717368, 'squashfs'],
  [0xe0f5e1e2, 'erofs'],
  [0x9660, 'iso9660'],
  [0x6969, 'nfs'],
  [0xff534d42, 'cifs'],
  [0xfe534d42, 'smb2'],
])

/** Those of which an image that was made again may show the same device, inodes and times. */
const IMAGES: readonly string[] = ['squashfs', 'erofs', 'iso9660']

/**
 * What the file system of a root lets be remembered, by what it is now: asked on a thread that may wait for a disk. Only
 * those that were measured to show every change are a `FileSystem`.
 */
export function readFileSystem({ path, device }: Pick<Place, 'path' | 'device'>): Looked {
  if (process.platform !== 'linux')
    return { why: 'vouch knows on Linux only which file systems show every change' }
  try {
    const { type } = statfsSync(path)
    if (type === EXT || type === XFS) return { path, device, id: device }
    if (type === BTRFS) return toSubvolume(path, device)
    if (type === OVERLAY) return toOverlay(path, device)
    return {
      why: explain(findMount(path)?.kind ?? KINDS.get(type) ?? `file system type 0x${type.toString(16)}`),
    }
  } catch (error) {
    return {
      why: `the type of its file system cannot be determined (${error instanceof Error ? error.message : error})`,
    }
  }
}

function explain(kind: string): string {
  if (kind === 'tmpfs' || kind === 'ramfs')
    return `${kind} does not show what programs write through a memory mapping`
  if (kind.startsWith('fuse')) return `a file on ${kind} can change while its times stay the same`
  if (IMAGES.includes(kind))
    return `${kind} shows the times of its image, and another image may have the same ones`
  return `whether ${kind} shows every change was not measured`
}

/** Device numbers of btrfs are given out at each mount, so that two subvolumes may swap theirs. */
function toSubvolume(path: string, device: bigint): Looked {
  const mount = findMount(path)
  const subvolume = mount?.options.match(/(?:^|,)subvolid=(\d+)/)?.[1]
  if (mount?.kind !== 'btrfs' || subvolume === undefined || !isDeviceOf(mount, device)) {
    return { why: 'the directory lies in a subvolume of btrfs that is not mounted itself' }
  }
  const uuid = findUuid(mount.source)
  if (uuid === null) return { why: `the UUID of the btrfs on ${mount.source} cannot be determined` }
  return { path, device, id: toId(`btrfs ${uuid} ${subvolume}`) }
}

/** The UUID of the mounted btrfs that has this device; null where the system does not tell. */
function findUuid(source: string): string | null {
  const name = basename(tryRealpath(source) ?? source)
  const all = readdirSync(BTRFS_SYSFS).filter((uuid) => uuid.includes('-'))
  return all.find((uuid) => readdirSync(`${BTRFS_SYSFS}/${uuid}/devices`).includes(name)) ?? null
}

const BTRFS_SYSFS = '/sys/fs/btrfs'

function tryRealpath(path: string): string | null {
  try {
    return realpathSync(path)
  } catch {
    return null
  }
}

/** An overlay shows what its layers do, all of which must be seen from here. */
function toOverlay(path: string, device: bigint): Looked {
  const mount = findMount(path)
  if (mount?.kind !== 'overlay' || !isDeviceOf(mount, device)) {
    return { why: 'the layers of the overlay file system cannot be determined' }
  }
  if (/(^|,)(fsync=)?volatile(,|$)/.test(mount.options)) {
    return { why: 'a sync does not write out a volatile overlay file system' }
  }
  const layers = listLayers(mount.options)
  for (const layer of layers) {
    const why = findFault(layer)
    if (why !== null) return { why }
  }
  if (layers.length === 0) return { why: 'the layers of the overlay file system cannot be determined' }
  const devices = layers.map((layer) => lstatSync(layer, { bigint: true }).dev)
  return { path, device, id: toId(`overlay ${layers.join(':')} ${devices.join()}`) }
}

/** Why a layer shows less than an overlay needs of it; null when it shows enough. */
function findFault(layer: string): string | null {
  try {
    const { type } = statfsSync(layer)
    if (type === EXT || type === XFS) return null
    return `a layer of the overlay file system, '${layer}', does not lie on ext4 or xfs`
  } catch {
    return `a layer of the overlay file system, '${layer}', cannot be seen from here`
  }
}

/** The directories that an overlay is made of; relative ones are left as they are, and lead nowhere. */
function listLayers(options: string): string[] {
  return options.split(/(?<!\\),/).flatMap((option) => {
    const [, layers] = /^(?:lowerdir\+?|upperdir|datadir\+)=(.*)$/.exec(option) ?? []
    return layers?.split(/(?<!\\):+/).map((layer) => layer.replace(/\\(.)/g, '$1')) ?? []
  })
}

/** The mount that a path (absolute, without links) lies on; the last of those that lie on one another. */
function findMount(path: string): MountEntry | null {
  let found: MountEntry | null = null
  for (const mount of readMountEntries() ?? []) {
    const { point } = mount
    const isAbove = path === point || path.startsWith(point === '/' ? point : `${point}/`)
    if (isAbove && point.length >= (found?.point.length ?? 0)) found = mount
  }
  return found
}

/** Whether the files directly on a mount have this device number. */
function isDeviceOf({ point }: MountEntry, device: bigint): boolean {
  return lstatSync(point, { bigint: true }).dev === device
}

/** As many bits of a SHA-256 as a double holds. */
function toId(text: string): bigint {
  return BigInt(`0x${createHash('sha256').update(text).digest('hex').slice(0, 13)}`)
}

/** Looks at the file system of a place as `readFileSystem` does, and reports what it is whenever that changes. */
export function createLook(report: (looked: Looked) => void): (place: Place) => FileSystem | null {
  let last = ''
  return (place) => {
    const looked = readFileSystem(place)
    const now = 'why' in looked ? looked.why : `${looked.id} ${looked.path}`
    if (now !== last) report(looked)
    last = now
    return toKnown(looked)
  }
}

/** The file system, where its digests are remembered. */
export function toKnown(looked: Looked): FileSystem | null {
  return 'why' in looked ? null : looked
}
