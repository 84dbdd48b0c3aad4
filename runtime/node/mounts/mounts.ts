import { lstatSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { tryLstatQuickly } from '../files/identity.ts'
import { MAX_MOUNTS } from '../limits.ts'

/**
 * The path at which the file system of `path` (absolute, without links) begins. It is where the device
 * changes, since a service may see other bind mounts than a shell.
 */
export function findMountPoint(path: string): string {
  const above = dirname(path)
  return above === path || lstatSync(above).dev !== lstatSync(path).dev ? path : findMountPoint(above)
}

/** The mount points below `path`, relative to it, at most `MAX_MOUNTS`; none where the system lists none. */
export function listMountPointsBelow(path: string): string[] {
  const start = path === '/' ? path : `${path}/`
  const points = readMountPoints() ?? []
  const below = points.filter((point) => point.startsWith(start) && point !== start)
  return [...new Set(below.map((point) => point.slice(start.length)))].slice(0, MAX_MOUNTS)
}

/** Those on another device than the directory above, which excludes bind mounts of the same file system. */
export function listMountsBelow(path: string): string[] {
  return listMountPointsBelow(path).filter((mount) => {
    const point = toMountPath(path, mount)
    const stats = tryLstatQuickly(point)
    return stats === null || stats.dev !== tryLstatQuickly(dirname(point))?.dev
  })
}

/** The device (`8:1`) mounted at each mount point; null where there is no list. Touches no file system. */
export function readMountedDevices(): ReadonlyMap<string, string> | null {
  const entries = readMountEntries()
  // The last mount at a point covers those before.
  return entries && new Map(entries.map(({ point, device }) => [point, device]))
}

/** Whether a file system is mounted at `mount`, which lies below `path`. */
export function isMounted(path: string, mount: string): boolean {
  const point = toMountPath(path, mount)
  const [here, above] = [point, dirname(point)].map((one) => lstatSync(one, { throwIfNoEntry: false }))
  if (here === undefined) return false
  return here.dev !== above?.dev || (readMountPoints()?.includes(point) ?? false)
}

function readMountPoints(): string[] | null {
  return readMountEntries()?.map(({ point }) => point) ?? null
}

export interface MountEntry {
  readonly point: string
  /** `8:1` */
  readonly device: string
  /** `ext4`, `fuse.sshfs` */
  readonly kind: string
  readonly source: string
  /** Of the file system, not of this mount of it. */
  readonly options: string
}

let last: { readonly text: string; readonly entries: readonly MountEntry[] } = { text: '', entries: [] }

/** See proc_pid_mountinfo(5), in the order in which they were mounted; null where there is no such file. */
export function readMountEntries(): readonly MountEntry[] | null {
  let text: string
  try {
    text = readFileSync('/proc/self/mountinfo', 'utf8')
  } catch {
    return null
  }
  // It is read for each question, and changes seldom.
  if (text !== last.text) last = { text, entries: text.split('\n').flatMap(toEntry) }
  return last.entries
}

function toEntry(line: string): MountEntry | [] {
  const fields = line.split(' ').map(toField)
  const [, , device, , point] = fields
  if (device === undefined || point === undefined) return []
  const [kind = '', source = '', options = ''] = fields.slice(fields.indexOf('-') + 1)
  return { point, device, kind, source, options }
}

/** The mount that a path (absolute, without links) lies on; of several at one point, the last. */
export function findMount(path: string, mounts = readMountEntries() ?? []): MountEntry | null {
  let found: MountEntry | null = null
  for (const mount of mounts) {
    const { point } = mount
    if (isAtOrBelow(path, point) && point.length >= (found?.point.length ?? 0)) found = mount
  }
  return found
}

/** Whether an absolute path is, or lies below, a directory. */
export function isAtOrBelow(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory === '/' ? '/' : `${directory}/`)
}

/** Decodes blanks, tabs, line feeds and backslashes, which are written as `\040` and the like. */
function toField(field: string): string {
  if (!field.includes('\\')) return field
  return field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
}

function toMountPath(path: string, mount: string): string {
  return path === '/' ? `/${mount}` : `${path}/${mount}`
}
