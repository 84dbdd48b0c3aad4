import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { vi } from 'vitest'

/** A directory for file systems that a test makes and mounts; `close` unmounts them all and removes it. */
export interface Mounts {
  readonly path: string
  /** Makes an image of a file system, to be mounted. */
  make(name: string, kind: keyof typeof KINDS): string
  mount(image: string, at: string): void
  /** Mounts a directory at another place too. */
  bind(directory: string, at: string): void
  /** Waits for what still has something there open. */
  unmount(at: string): Promise<void>
  close(): Promise<void>
}

const MIB = 1024 * 1024

/** How each file system is made and mounted, and how large it is at least; the images are sparse. */
const KINDS = {
  ext4: { size: 16 * MIB, make: ['mkfs.ext4', '-q', '-F'], mount: ['mount', '-o', 'loop'] },
  btrfs: { size: 114 * MIB, make: ['mkfs.btrfs', '-q'], mount: ['mount', '-o', 'loop'] },
  exfat: { size: 16 * MIB, make: ['mkfs.exfat'], mount: ['mount.exfat-fuse'] },
  ntfs: { size: 16 * MIB, make: ['mkfs.ntfs', '-F', '-q'], mount: ['lowntfs-3g', '-o', 'ignore_case'] },
} as const

/** Fails, rather than passing tests over, where they cannot mount. */
export function createMounts(): Mounts {
  if (process.getuid?.() !== 0) throw new Error('these tests mount file systems, which only root may do')
  const path = mkdtempSync(join(tmpdir(), 'vouch-'))
  const kinds = new Map<string, keyof typeof KINDS>()
  const mounted: string[] = []
  const loops: string[] = []

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
    unmount,
    async close() {
      for (const at of mounted.toReversed()) await unmount(at)
      for (const device of loops) run('losetup', '-d', device)
      rmSync(path, { recursive: true })
    },
  }
}

function run(...[program = '', ...args]: readonly string[]): string {
  return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}
