import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, vi } from 'vitest'
import { createTemporaryDirectory } from '../temporary-directory.suite.ts'

/** A directory for file systems that a test makes and mounts; `close` unmounts them all and removes it. */
export interface Mounts {
  readonly path: string
  /** Makes an image of a file system, to be mounted. */
  make(name: string, kind: keyof typeof KINDS): string
  mount(image: string, at: string): void
  /** Mounts a directory at another place too. */
  bind(directory: string, at: string): void
  /** Mounts a directory at another place by bindfs, which does not answer while it is stopped. */
  mirror(directory: string, at: string): Promise<Mirror>
  /** Waits for processes that still have files open there. */
  unmount(at: string): Promise<void>
  close(): Promise<void>
}

/** A file system that a process of its own serves. */
export interface Mirror {
  /** From here on every call on it waits. */
  stop(): void
  /** Lets it answer all waiting calls. */
  go(): void
}

const MIB = 1024 * 1024

/** How each file system is made and mounted, and how large it is at least; the images are sparse. */
const KINDS = {
  ext4: { size: 16 * MIB, make: ['mkfs.ext4', '-q', '-F'], mount: ['mount', '-o', 'loop'] },
  btrfs: { size: 114 * MIB, make: ['mkfs.btrfs', '-q'], mount: ['mount', '-o', 'loop'] },
  exfat: { size: 16 * MIB, make: ['mkfs.exfat'], mount: ['mount.exfat-fuse'] },
  ntfs: { size: 16 * MIB, make: ['mkfs.ntfs', '-F', '-q'], mount: ['lowntfs-3g', '-o', 'ignore_case'] },
} as const

/** Fails, rather than skipping tests, where they cannot mount. */
export function createMounts(): Mounts {
  if (process.getuid?.() !== 0) throw new Error('these tests mount file systems, which only root may do')
  const { path, remove } = createTemporaryDirectory()
  const kinds = new Map<string, keyof typeof KINDS>()
  const mounted: string[] = []
  const loops: string[] = []
  const mirrors: ChildProcess[] = []

  function toDevice(image: string): string {
    if (kinds.get(image) !== 'exfat') return image
    const device = run('losetup', '-f', '--show', image).trim()
    loops.push(device)
    return device
  }

  async function unmount(at: string): Promise<void> {
    await vi.waitFor(() => run('umount', at), { timeout: 20_000 })
    mounted.splice(mounted.lastIndexOf(at), 1)
  }

  return {
    path,
    make(name, kind) {
      const image = join(path, name)
      writeFileSync(image, '')
      truncateSync(image, KINDS[kind].size)
      run(...KINDS[kind].make, image)
      kinds.set(image, kind)
      return image
    },
    mount(image, at) {
      mkdirSync(at, { recursive: true })
      run(...KINDS[kinds.get(image) ?? 'ext4'].mount, toDevice(image), at)
      mounted.push(at)
    },
    bind(directory, at) {
      mkdirSync(at, { recursive: true })
      run('mount', '--bind', directory, at)
      mounted.push(at)
    },
    async mirror(directory, at) {
      mkdirSync(at, { recursive: true })
      // No cache of the kernel answers for it.
      const uncached = 'attr_timeout=0,entry_timeout=0,negative_timeout=0'
      const child = spawn('bindfs', ['-f', '-o', uncached, directory, at], { stdio: 'ignore' })
      await once(child, 'spawn')
      await untilMounted(at)
      mounted.push(at)
      mirrors.push(child)
      const stop = () => {
        child.kill('SIGSTOP')
        // A thread that still runs would take a call, which then nothing can end.
        while (!isStopped(child));
      }
      return { stop, go: () => void child.kill('SIGCONT') }
    },
    unmount,
    async close() {
      for (const child of mirrors) child.kill('SIGCONT')
      for (const at of mounted.toReversed()) await unmount(at)
      for (const device of loops) run('losetup', '-d', device)
      remove()
    },
  }
}

/** Whether no thread of a process runs. */
function isStopped({ pid }: ChildProcess): boolean {
  const threads = readdirSync(`/proc/${pid}/task`)
  return threads.every((thread) => readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8').includes(') T '))
}

/** Waits until a file system is mounted at `at`, without touching it: it might not answer yet. */
export async function untilMounted(at: string): Promise<void> {
  const isMounted = () => expect(readFileSync('/proc/self/mountinfo', 'utf8')).toContain(` ${at} `)
  await vi.waitFor(isMounted, { timeout: 20_000 })
}

/** Runs a program to its end, and returns what it printed. Throws when it fails. */
export function run(...[program = '', ...args]: readonly string[]): string {
  return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}
