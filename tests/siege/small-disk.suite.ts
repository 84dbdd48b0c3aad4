import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import {
  createTemporaryDirectory,
  useTemporaryDirectory,
} from '../../runtime/node/temporary-directory.suite.ts'

const MIB = 1024 * 1024

/** As many large files as make the steps under way hold most of the data at once. */
const NAMES = Array.from({ length: 6 }, (_, i) => `file ${i}`)
const FILE_BYTES = 4 * MIB

/**
 * A directory with files, and another on a file system of its own that has room for them one and a half
 * times.
 */
export interface SmallDisk {
  readonly cwd: string
  readonly source: string
  readonly target: string
  /** Removes the files of `target`, and what vouch keeps there except drafts. */
  clear(): void
  /** The entries of the directory of drafts, locks included. */
  readDrafts(): string[]
  /** `target` holds what `source` holds. */
  requireEnd(): void
}

/** Why no file system can be mounted here; null where one can. */
export const NO_DISK = findObstacle()

function findObstacle(): string | null {
  const { path: directory, remove } = createTemporaryDirectory('vouch-')
  try {
    mount(directory)()
    return null
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split('\n')[1] ?? error.message) : String(error)
    console.warn(`NOT TESTED: apply on a small disk, for none can be mounted (it takes root): ${reason}`)
    return reason
  } finally {
    remove()
  }
}

/** Mounts an ext4 at `disk` in the directory; returns what unmounts it. */
function mount(directory: string): () => void {
  const [image, at] = [join(directory, 'image'), join(directory, 'disk')]
  writeFileSync(image, '')
  truncateSync(image, 64 * MIB)
  mkdirSync(at)
  const run = (program: string, ...args: string[]) => execFileSync(program, args, { stdio: 'pipe' })
  run('/sbin/mkfs.ext4', '-q', '-m', '0', image)
  run('mount', '-o', 'loop', image, at)
  return () => run('umount', at)
}

export function createSmallDisk(): SmallDisk {
  const cwd = useTemporaryDirectory('vouch-')
  onTestFinished(mount(cwd))
  const [source, target] = [join(cwd, 'source'), join(cwd, 'disk/target')]
  mkdirSync(source)
  mkdirSync(target)
  for (const [i, name] of NAMES.entries()) writeFileSync(join(source, name), Buffer.alloc(FILE_BYTES, i + 1))
  const { bavail, bsize } = statfsSync(target)
  const room = 1.5 * NAMES.length * FILE_BYTES
  writeFileSync(join(cwd, 'disk/ballast'), Buffer.alloc(bavail * bsize - room))

  return {
    cwd,
    source,
    target,
    clear() {
      for (const name of readdirSync(target)) if (name !== '.vouch') rmSync(join(target, name))
    },
    readDrafts() {
      try {
        return readdirSync(join(target, '.vouch/tmp'))
      } catch {
        return []
      }
    },
    requireEnd() {
      for (const name of NAMES) expect(toHash(join(target, name)), name).toBe(toHash(join(source, name)))
    },
  }
}

function toHash(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex')
}
