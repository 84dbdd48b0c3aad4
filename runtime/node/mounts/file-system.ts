import { createHash } from 'node:crypto'
import { lstatSync, readdirSync, realpathSync, statfsSync } from 'node:fs'
import { basename } from 'node:path'
import type { Place } from '../files/root.ts'
import { findMount, type MountEntry } from './mounts.ts'

/**
 * A file system that moves a file's times at the first store through a mapping after each sync, and at every
 * other change, so that a digest may be remembered by them.
 */
export interface FileSystem {
  /** The absolute path of a directory on it. */
  readonly path: string
  readonly device: bigint
  /** Identifies the file system in identities that outlast a mount; unique. */
  readonly id: bigint
}

/** A file system, or why no digest of its files is remembered: a clause. */
export type Looked = FileSystem | { readonly why: string }

/** See statfs(2). */
const EXT = 0xef53
const XFS = 0x58465342
const BTRFS = 0x9123683e
const OVERLAY = 0x794c7630
const TMPFS = 0x01021994
const RAMFS = 0x858458f6

/** Names of file systems that have no mount entry. */
const KINDS: ReadonlyMap<number, string> = new Map([
  [0x65735546, 'fuse'],
  [TMPFS, 'tmpfs'],
  [RAMFS, 'ramfs'],
  [0x73717368, 'squashfs'],
  [0xe0f5e1e2, 'erofs'],
  [0x9660, 'iso9660'],
  [0x6969, 'nfs'],
  [0xff534d42, 'cifs'],
  [0xfe534d42, 'smb2'],
])

/** File systems of images: one that was made again may show the same device, inodes and times. */
const IMAGES: readonly string[] = ['squashfs', 'erofs', 'iso9660']

/** Those in whose directories each entry takes two bytes or more of the directory's size. */
const SIZED: readonly number[] = [EXT, XFS, BTRFS, TMPFS]

/** Whether the size of a directory bounds the number of its entries. Throws the errors of statfs(2). */
export function hasSizedDirectories(path: string): boolean {
  return SIZED.includes(statfsSync(path).type)
}

/** Whether a file system is in memory, and has no disk. Throws the errors of statfs(2). */
export function isInMemory(path: string): boolean {
  return [TMPFS, RAMFS].includes(statfsSync(path).type)
}

/** Reads a root's file system; may wait for a disk. A `FileSystem` only if measured to show every change. */
export function readFileSystem({ path, device }: Pick<Place, 'path' | 'device'>): Looked {
  if (process.platform !== 'linux')
    return { why: 'vouch knows only on Linux which file systems show every change' }
  try {
    const { type } = statfsSync(path)
    if (type === EXT || type === XFS) return { path, device, id: device }
    if (type === BTRFS) return toSubvolume(path, device)
    if (type === OVERLAY) return toOverlay(path, device)
    const kind = findMount(path)?.kind ?? KINDS.get(type) ?? `file system type 0x${type.toString(16)}`
    return { why: explain(kind) }
  } catch (error) {
    const reason = error instanceof Error ? error.message : error
    return { why: `the type of its file system cannot be determined (${reason})` }
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

/** The UUID of the mounted btrfs that has this device; null where the system has no list of them. */
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

/** An overlay shows what its layers show; all of them must be visible from here. */
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

/** Why a layer does not show every change; null when it does. */
function findFault(layer: string): string | null {
  try {
    const { type } = statfsSync(layer)
    if (type === EXT || type === XFS) return null
    return `a layer of the overlay file system, '${layer}', does not lie on ext4 or xfs`
  } catch {
    return `a layer of the overlay file system, '${layer}', cannot be seen from here`
  }
}

/** The directories of an overlay; relative ones lead nowhere from here. */
function listLayers(options: string): string[] {
  return options.split(/(?<!\\),/).flatMap((option) => {
    const [, layers] = /^(?:lowerdir\+?|upperdir|datadir\+)=(.*)$/.exec(option) ?? []
    return layers?.split(/(?<!\\):+/).map((layer) => layer.replace(/\\(.)/g, '$1')) ?? []
  })
}

/** Whether the files directly on a mount have this device number. */
function isDeviceOf({ point }: MountEntry, device: bigint): boolean {
  return lstatSync(point, { bigint: true }).dev === device
}

/** As many bits of a SHA-256 as a double holds. */
function toId(text: string): bigint {
  return BigInt(`0x${createHash('sha256').update(text).digest('hex').slice(0, 13)}`)
}

/** Creates a `readFileSystem` that reports each change; null where nothing is remembered. */
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
