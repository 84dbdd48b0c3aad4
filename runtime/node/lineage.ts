import { readlinkSync, realpathSync, statSync } from 'node:fs'
import { dirname, isAbsolute, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { getErrno } from './errno.ts'
import { readMountedDevices } from './mounts.ts'

/**
 * The directory at `path` (absolute) and all above it, the innermost first, each as the file system knows it whatever
 * path leads there: by device and inode. What is not there yet, or may not be entered, is left out.
 */
export function readLineage(path: string): string[] {
  const lineage: string[] = []
  for (let at = toRealPath(path); ; at = dirname(at)) {
    lineage.push(readKey(at))
    if (at === dirname(at)) return lineage
  }
}

/**
 * Whether `path` (absolute), which need not be there yet, is the directory `outer` or lies inside it; false where `outer`
 * is not there. What lies on another device than `path` and the directories above it cannot hold it, and is not touched:
 * so a file system that gives no answer cannot delay this.
 */
export function isInside(path: string, outer: string): boolean {
  return hasIn(readAncestry(path), outer)
}

/**
 * Whether one of the words of a command line names a directory, as itself or behind equals signs, that `path` (absolute)
 * lies inside.
 */
export function isInsideAny(path: string, words: readonly string[], cwd: string): boolean {
  const ancestry = readAncestry(path)
  const texts = words.flatMap((word) => word.split('=').map((_, i, parts) => parts.slice(i).join('=')))
  return texts.some((text) => hasIn(ancestry, toPath(text, cwd)))
}

/** A directory and all above it. */
interface Ancestry {
  readonly lineage: readonly string[]
  /** Whether something else than these devices is mounted at a path, where the system tells. */
  isElsewhere(path: string): boolean
}

function readAncestry(path: string): Ancestry {
  const devices = readMountedDevices()
  const own = new Set<string>()
  for (let at = toRealPath(path); devices !== null; at = dirname(at)) {
    const device = devices.get(at)
    if (device !== undefined) own.add(device)
    if (at === dirname(at)) break
  }
  return {
    lineage: readLineage(path),
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
    // What cannot be looked at holds nothing of ours either.
    return false
  }
}

/** `path` (absolute) without symbolic links; null when it leads to where something `isElsewhere`, which is not touched. */
function resolveNear(path: string, isElsewhere: (path: string) => boolean): string | null {
  const segments = path.split('/')
  let at = '/'
  for (let links = 0; segments.length > 0; ) {
    const next = resolve(at, segments.shift() ?? '')
    if (isElsewhere(next)) return null
    const target = readLink(next)
    if (target === null) at = next
    else {
      if (++links > MAX_LINKS) throw new Error('links that lead to each other lead nowhere')
      segments.unshift(...target.split('/'))
      if (isAbsolute(target)) at = '/'
    }
  }
  return at
}

/** As many as Linux follows. */
const MAX_LINKS = 40

/** Null for what is no link. */
function readLink(path: string): string | null {
  try {
    return readlinkSync(path)
  } catch (error) {
    if (getErrno(error) === 'EINVAL') return null
    throw error
  }
}

function toPath(text: string, cwd: string): string {
  try {
    return /^file:/i.test(text) ? fileURLToPath(text) : resolve(cwd, text)
  } catch {
    return resolve(cwd, text)
  }
}

function readKey(path: string): string {
  const { dev, ino } = statSync(path, { bigint: true })
  // Some file systems number nothing.
  return ino === 0n ? `${dev}:${path}` : `${dev}:${ino}`
}

/** `path` without symbolic links, as far as it is there and may be entered. */
function toRealPath(path: string): string {
  for (let at = path; ; at = dirname(at)) {
    try {
      return realpathSync(at)
    } catch (error) {
      if (at === dirname(at)) throw error
    }
  }
}
