import { mkdirSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { mount, run, unmount } from './commands.ts'

/** An ability that a file system does not have. */
export type Lack = 'links' | 'holes' | 'reflinks' | 'modes'

/** A file system that can be written to, and the behaviour that the tests expect of it. */
export interface FileSystem {
  readonly name: string
  /** Debian's packages that make and mount it. */
  readonly packages: readonly string[]
  /** Whether vouch remembers digests of its files. */
  readonly remembers: boolean
  readonly lacks: readonly Lack[]
  /**
   * When a read may return the bytes from before: after a write by another name of the file, until the
   * kernel's cache is dropped; after a write behind the file system. The digest is then that of the bytes
   * that a read returns.
   */
  readonly stale?: 'by link' | 'behind'
  /** Whether its size is its own, and not that of the ext4 below it. */
  readonly hasRoom?: boolean
  /** Creates it; `disk` is an empty directory on an ext4. */
  make(disk: string): Promise<Volume>
}

/** A file system that can be mounted. */
export interface Volume {
  /** Mounts it at an empty directory. */
  mount(at: string): Promise<void>
  /** Unmounts it, and frees its loop device. */
  unmount(at: string): Promise<void>
  /** The directory below it that holds its files as plain files, for changes behind its back. */
  readonly behind?: string
}

const MIB = 1024 * 1024

async function makeImage(
  disk: string,
  mib: number,
  ...[program = '', ...args]: readonly string[]
): Promise<string> {
  const image = join(disk, 'image')
  writeFileSync(image, '')
  truncateSync(image, mib * MIB)
  await run(program, ...args, image)
  return image
}

/** A file system of the kernel in an image. */
function onLoop(mib: number, ...command: readonly string[]): FileSystem['make'] {
  return async (disk) => {
    const image = await makeImage(disk, mib, ...command)
    return { mount: (at) => mount(at, 'mount', '-o', 'loop', image, at), unmount }
  }
}

/** A file system of a program in an image. */
function inImage(program: string, ...command: readonly string[]): FileSystem['make'] {
  return async (disk) => {
    const image = await makeImage(disk, 48, ...command)
    return { mount: (at) => mount(at, program, image, at), unmount }
  }
}

/** A directory that the program of `toCommand` shows at another place. */
export function over(
  toCommand: (behind: string, at: string, disk: string) => readonly string[],
): FileSystem['make'] {
  return async (disk) => {
    const behind = join(disk, 'behind')
    mkdirSync(behind)
    return { behind, mount: (at) => mount(at, ...toCommand(behind, at, disk)), unmount }
  }
}

function asOverlay(toCommand: (options: string) => readonly string[]): FileSystem['make'] {
  return async (disk) => {
    for (const name of ['lower', 'upper', 'work']) mkdirSync(join(disk, name))
    const options = `lowerdir=${disk}/lower,upperdir=${disk}/upper,workdir=${disk}/work`
    return { mount: (at) => mount(at, ...toCommand(options), at), unmount }
  }
}

async function makeTmpfs(): Promise<Volume> {
  return { mount: (at) => mount(at, 'mount', '-t', 'tmpfs', '-o', 'size=48m', 'none', at), unmount }
}

/** sshfs talks to `sftp-server` over a pipe: it needs neither network nor keys. */
function toSshfs(behind: string, at: string, disk: string): string[] {
  const server = join(disk, 'sftp')
  writeFileSync(server, '#!/bin/sh\nexec /usr/lib/openssh/sftp-server\n', { mode: 0o700 })
  return ['sshfs', '-o', `ssh_command=${server}`, `here:${behind}`, at]
}

/** rclone uploads a written file after 5 s, or after `--vfs-write-back`. */
export function toRclone(behind: string, at: string, disk: string): string[] {
  const caches = ['--config', '/dev/null', '--cache-dir', join(disk, 'cache'), '--vfs-cache-mode', 'full']
  return ['rclone', 'mount', behind, at, '--daemon', ...caches]
}

async function makeGocryptfs(disk: string): Promise<Volume> {
  const [cipher, password] = [join(disk, 'cipher'), join(disk, 'password')]
  mkdirSync(cipher)
  writeFileSync(password, 'a password', { mode: 0o600 })
  await run('gocryptfs', '-q', '-init', '-scryptn', '10', '-passfile', password, cipher)
  return { mount: (at) => mount(at, 'gocryptfs', '-q', '-passfile', password, cipher, at), unmount }
}

async function makeExfat(disk: string): Promise<Volume> {
  const image = await makeImage(disk, 48, 'mkfs.exfat')
  let device = ''
  return {
    async mount(at) {
      device = (await run('losetup', '-f', '--show', image)).trim()
      await mount(at, 'mount.exfat-fuse', device, at)
    },
    async unmount(at) {
      await unmount(at)
      await run('losetup', '-d', device)
    },
  }
}

/** All writable file systems; images that cannot be written to are in images.suite.ts. */
export const FILE_SYSTEMS: readonly FileSystem[] = [
  {
    name: 'ext4',
    hasRoom: true,
    ...{ packages: ['e2fsprogs'], remembers: true, lacks: ['reflinks'] },
    make: onLoop(64, 'mkfs.ext4', '-q', '-F'),
  },
  {
    name: 'xfs',
    hasRoom: true,
    ...{ packages: ['xfsprogs'], remembers: true, lacks: [] },
    make: onLoop(320, 'mkfs.xfs', '-q'),
  },
  {
    name: 'btrfs',
    hasRoom: true,
    ...{ packages: ['btrfs-progs'], remembers: true, lacks: [] },
    make: onLoop(160, 'mkfs.btrfs', '-q'),
  },
  {
    name: 'overlay',
    ...{ packages: [], remembers: true, lacks: ['reflinks'] },
    make: asOverlay((options) => ['mount', '-t', 'overlay', '-o', options, 'none']),
  },
  { name: 'tmpfs', packages: [], remembers: false, lacks: ['reflinks'], hasRoom: true, make: makeTmpfs },
  {
    name: 'sshfs',
    ...{ packages: ['sshfs', 'openssh-sftp-server'], remembers: false, lacks: ['holes', 'reflinks'] },
    make: over(toSshfs),
  },
  {
    name: 'bindfs',
    ...{ packages: ['bindfs'], remembers: false, lacks: ['holes', 'reflinks'] },
    make: over((behind, at) => ['bindfs', behind, at]),
  },
  {
    name: 'ntfs-3g',
    hasRoom: true,
    ...{ packages: ['ntfs-3g'], remembers: false, lacks: ['holes', 'reflinks'], stale: 'by link' },
    make: inImage('ntfs-3g', 'mkfs.ntfs', '-F', '-q'),
  },
  {
    name: 'exfat-fuse',
    hasRoom: true,
    packages: ['exfat-fuse', 'exfatprogs', 'mount'],
    ...{ remembers: false, lacks: ['links', 'holes', 'reflinks'] },
    make: makeExfat,
  },
  {
    name: 'fuse2fs',
    hasRoom: true,
    ...{ packages: ['fuse2fs', 'e2fsprogs'], remembers: false, lacks: ['reflinks'], stale: 'by link' },
    make: inImage('fuse2fs', 'mkfs.ext4', '-q', '-F'),
  },
  {
    name: 'mergerfs',
    ...{ packages: ['mergerfs'], remembers: false, lacks: ['reflinks'] },
    make: over((behind, at) => ['mergerfs', '-o', 'minfreespace=0', behind, at]),
  },
  {
    name: 'unionfs-fuse',
    ...{ packages: ['unionfs-fuse'], remembers: false, lacks: ['holes', 'reflinks'] },
    make: over((behind, at) => ['unionfs', `${behind}=RW`, at]),
  },
  {
    name: 'gocryptfs',
    ...{ packages: ['gocryptfs'], remembers: false, lacks: ['holes', 'reflinks'] },
    make: makeGocryptfs,
  },
  {
    name: 'fuse-overlayfs',
    ...{ packages: ['fuse-overlayfs'], remembers: false, lacks: ['reflinks'] },
    make: asOverlay((options) => ['fuse-overlayfs', '-o', options]),
  },
  {
    name: 'rclone mount',
    ...{
      packages: ['rclone', 'fuse3'],
      remembers: false,
      lacks: ['links', 'holes', 'reflinks', 'modes'],
      stale: 'behind',
    },
    make: over(toRclone),
  },
]

/** The file system of this name; throws when there is none. */
export function getFileSystem(name: string): FileSystem {
  const system = FILE_SYSTEMS.find((system) => system.name === name)
  if (system === undefined) throw new Error(`'${name}' is not the name of a file system in FILE_SYSTEMS`)
  return system
}
