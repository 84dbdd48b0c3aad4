import { realpathSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

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

/** Whether `path` (absolute), which need not be there yet, is the directory `outer` or lies inside it; false where `outer` is not there. */
export function isInside(path: string, outer: string): boolean {
  return hasIn(readLineage(path), outer)
}

/**
 * Whether one of the words of a command line names a directory, as itself or behind equals signs, that `path` (absolute)
 * lies inside.
 */
export function isInsideAny(path: string, words: readonly string[], cwd: string): boolean {
  const lineage = readLineage(path)
  const texts = words.flatMap((word) => word.split('=').map((_, i, parts) => parts.slice(i).join('=')))
  return texts.some((text) => hasIn(lineage, toPath(text, cwd)))
}

function hasIn(lineage: readonly string[], directory: string): boolean {
  try {
    return lineage.includes(readKey(directory))
  } catch {
    // What cannot be looked at holds nothing of ours either.
    return false
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
