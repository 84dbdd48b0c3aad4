import { lstatSync, readlinkSync, realpathSync, statSync } from 'node:fs'
import { dirname, isAbsolute, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readMountedDevices } from './mounts.ts'

/**
 * The directory at `path` (absolute) and all above it, the innermost first, each by device and inode,
 * whatever path leads there. Directories that do not exist yet, or may not be entered, are omitted.
 */
export function readLineage(path: string): string[] {
  return toSelfAndAbove(toRealPath(path)).map(readKey)
}

/** An absolute path and those above it, the innermost first. */
function toSelfAndAbove(path: string): string[] {
  const above = dirname(path)
  return above === path ? [path] : [path, ...toSelfAndAbove(above)]
}

/**
 * Whether `path` (absolute), which need not exist, is the directory `outer` or lies inside it; false where
 * `outer` does not exist. A directory on another device than `path` and those above it cannot contain it, and
 * is not touched: so a file system that does not answer cannot delay this.
 */
export function isInside(path: string, outer: string): boolean {
  return toIsInside(path)(outer)
}

/** `isInside` for several directories, of which each may hold the path. */
export function toIsInside(path: string): (outer: string) => boolean {
  const ancestry = readAncestry(path)
  return (outer) => hasIn(ancestry, outer)
}

/** `isInside` for any directory that a word of a command line names, by itself or after an equals sign. */
export function isInsideAny(path: string, words: readonly string[], cwd: string): boolean {
  const isInside = toIsInside(path)
  const texts = words.flatMap((word) => word.split('=').map((_, i, parts) => parts.slice(i).join('=')))
  return texts.some((text) => isInside(toPath(text, cwd)))
}

/** A directory and all above it, and their devices. */
interface Ancestry {
  readonly lineage: readonly string[]
  /** Whether another device is known to be mounted at a path. */
  isElsewhere(path: string): boolean
}

function readAncestry(path: string): Ancestry {
  const devices = readMountedDevices()
  const paths = toSelfAndAbove(toRealPath(path))
  const own = new Set(paths.map((at) => devices?.get(at)))
  return {
    lineage: paths.map(readKey),
    isElsewhere(path) {
      const device = devices?.get(path)
      return device !== undefined && !own.has(device)
    },
  }
}

function hasIn({ lineage, isElsewhere }: Ancestry, directory: string): boolean {
  try {
    const path = resolveNear(directory, isElsewhere)
    return path !== null && lineage.includes(readKey(path))
  } catch {
    // A directory that the system refuses to look at contains nothing of ours.
    return false
  }
}

/**
 * `path` (absolute) without links; null when there is no such file, or it crosses a path that `isElsewhere`,
 * which is not touched.
 */
function resolveNear(path: string, isElsewhere: (path: string) => boolean): string | null {
  const segments = path.split('/')
  let at = '/'
  for (let links = 0; segments.length > 0; ) {
    const next = resolve(at, segments.shift() ?? '')
    if (isElsewhere(next)) return null
    // Most are no link, and Node takes ten times as long for an error as for an answer.
    const stats = lstatSync(next, { throwIfNoEntry: false })
    if (stats === undefined) return null
    if (!stats.isSymbolicLink()) at = next
    else {
      if (++links > MAX_LINKS) throw new Error('links that lead to each other lead nowhere')
      const target = readlinkSync(next)
      segments.unshift(...target.split('/'))
      if (isAbsolute(target)) at = '/'
    }
  }
  return at
}

/** As many as Linux follows. */
const MAX_LINKS = 40

function toPath(text: string, cwd: string): string {
  try {
    return /^file:/i.test(text) ? fileURLToPath(text) : resolve(cwd, text)
  } catch {
    return resolve(cwd, text)
  }
}

function readKey(path: string): string {
  const { dev, ino } = statSync(path, { bigint: true })
  // Some file systems have no inode numbers.
  return ino === 0n ? `${dev}:${path}` : `${dev}:${ino}`
}

/** `path` without symbolic links, as far as it exists and may be entered. */
function toRealPath(path: string): string {
  for (let at = path; ; at = dirname(at)) {
    try {
      return realpathSync.native(at)
    } catch (error) {
      if (at === dirname(at)) throw error
    }
  }
}
