import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createSource, hash, readBytes, toBytes, toPut } from '../../functions/storage/suite-tools.suite.ts'
import { createDirectoryStorage, type DirectoryStorage } from './directory-storage.ts'
import { run, untilMounted } from './mounted.suite.ts'

/** A file system that is mounted for a test. */
export interface Mounted {
  readonly root: string
  /** Where files are made that are there before: below it. */
  readonly source: string
  /** Unmounts it, and ends what served it. */
  close(): Promise<void>
}

/** Mounts a file system at `root`; `path` is an empty directory for what it needs. */
export type Mount = (path: string, root: string) => Promise<Mounted> | Mounted

const SFTP_SERVER = '/usr/lib/openssh/sftp-server'

/** sshfs over the pipes of an SFTP server of its own: no network, no keys. */
export async function mountSshfs(path: string, root: string): Promise<Mounted> {
  const source = makeDirectory(path, 'source')
  const server = spawn(SFTP_SERVER, { stdio: ['pipe', 'pipe', 'ignore'] })
  const client = spawn('sshfs', ['-f', '-o', 'passive', `:${source}`, root], {
    stdio: [server.stdout, server.stdin, 'ignore'],
  })
  // They are the client's now.
  server.stdout.destroy()
  server.stdin.destroy()
  await untilMounted(root)
  return toMounted(root, [client, server])
}

export function mountMergerfs(path: string, root: string): Mounted {
  run('mergerfs', makeDirectory(path, 'source'), root)
  return toMounted(root)
}

export function mountGocryptfs(path: string, root: string): Mounted {
  const source = makeDirectory(path, 'source')
  const password = ['-q', '-extpass', 'echo password']
  run('gocryptfs', ...password, '-init', '-scryptn', '10', source)
  run('gocryptfs', ...password, source, root)
  return toMounted(root)
}

export async function mountRclone(path: string, root: string): Promise<Mounted> {
  const source = makeDirectory(path, 'source')
  const cache = [
    '--vfs-cache-mode',
    'full',
    '--vfs-write-back',
    '0s',
    '--cache-dir',
    makeDirectory(path, 'cache'),
  ]
  const client = spawn('rclone', ['mount', '--config', '/dev/null', ...cache, `:local:${source}`, root], {
    stdio: 'ignore',
  })
  await untilMounted(root)
  return { ...toMounted(root, [client]), source }
}

export function mountExfat(path: string, root: string): Mounted {
  const image = join(path, 'image')
  writeFileSync(image, '')
  truncateSync(image, 16 * 1024 * 1024)
  run('mkfs.exfat', image)
  const device = run('losetup', '-f', '--show', image).trim()
  run('mount.exfat-fuse', device, root)
  return toMounted(root, [], () => run('losetup', '-d', device))
}

/** btrfs on which all files together may take this many MiB. */
export function mountQuota(path: string, root: string, mib: number): Mounted {
  const image = join(path, 'image')
  writeFileSync(image, '')
  truncateSync(image, 128 * 1024 * 1024)
  run('mkfs.btrfs', '-q', image)
  run('mount', '-o', 'loop', image, root)
  run('btrfs', 'quota', 'enable', root)
  run('btrfs', 'qgroup', 'limit', `${mib}M`, root)
  return toMounted(root)
}

function makeDirectory(path: string, name: string): string {
  const made = join(path, name)
  mkdirSync(made)
  return made
}

function toMounted(root: string, serving: readonly ChildProcess[] = [], after = () => ''): Mounted {
  return {
    root,
    source: root,
    async close() {
      const ended = serving.map((child) => (child.exitCode === null ? once(child, 'exit') : null))
      await vi.waitFor(() => run('umount', root), { timeout: 20_000 })
      await Promise.all(ended)
      after()
    },
  }
}

/** What a file system lets vouch do. */
export interface Abilities {
  /** Whether a new file can be put without the risk of replacing another program's. */
  readonly hasNew: boolean
  /** Whether a file that was just written keeps its times while it is read; else it is refused as `changed` for a while. */
  readonly isSteady: boolean
}

/** Tests of writes to a directory on a file system. They fail where it cannot be mounted. */
export function describeWrites(kind: string, mount: Mount, { hasNew, isSteady }: Abilities): void {
  describe(`writes on ${kind}`, () => {
    let path: string
    let mounted: Mounted
    let storage: DirectoryStorage

    beforeAll(async () => {
      path = mkdtempSync(join(tmpdir(), 'vouch-'))
      mounted = await mount(path, makeDirectory(path, 'root'))
      writeFileSync(join(mounted.source, 'a'), 'first')
      writeFileSync(join(mounted.source, 'b'), 'what is there')
      storage = createDirectoryStorage(mounted.root, { writable: true, indexPath: null })
    })

    afterAll(async () => {
      await storage?.close()
      await mounted?.close()
      rmSync(path, { recursive: true, force: true })
    })

    async function put(name: string, text: string, replaces: string | null) {
      const expected = replaces === null ? null : await hash(toBytes(replaces))
      return await storage.put(name, createSource(toBytes(text)).body, await toPut(toBytes(text), expected))
    }

    /** Tries again while the file is refused as changed, where that may be. */
    async function settle(write: () => Promise<unknown>): Promise<void> {
      let trouble: unknown = null
      const attempt = async () => {
        trouble = await write().then(
          () => null,
          (error) => error,
        )
        if (!isSteady) expect(trouble ?? {}).not.toMatchObject({ code: 'changed' })
      }
      await vi.waitFor(attempt, { timeout: 60_000, interval: 500 })
      if (trouble !== null) throw trouble
    }

    async function readText(name: string): Promise<string> {
      return Buffer.from(await readBytes(storage, name)).toString()
    }

    it('replace a file, keep what it held, and restore that', async () => {
      await put('a', 'second, longer', 'first')
      expect(await readText('a')).toBe('second, longer')
      await settle(() => put('a', 'third', 'second, longer'))
      expect(await readText('a')).toBe('third')
      const kept = await storage.listKept({ name: 'a' })
      expect(kept.entries.map(({ size }) => size).sort()).toEqual([14, 5])
      const digest = await hash(toBytes('first'))
      const replaces = await hash(toBytes('third'))
      await settle(() => storage.restore('a', { digest, replaces }))
      expect(await readText('a')).toBe('first')
    })

    it('refuse to replace a file that is another one by now, and leave it', async () => {
      await expect(put('b', 'new', 'what was there')).rejects.toMatchObject({ code: 'precondition' })
      expect(readFileSync(join(mounted.root, 'b'), 'utf8')).toBe('what is there')
    })

    if (hasNew) {
      it('make a new file, and none in the place of another', async () => {
        await put('dir/new', 'text', null)
        expect(await readText('dir/new')).toBe('text')
        expect(statSync(join(mounted.root, 'dir/new')).size).toBe(4)
        await expect(put('dir/new', 'other', null)).rejects.toMatchObject({ code: 'precondition' })
        expect(await readText('dir/new')).toBe('text')
      })
    } else {
      it('refuse a new file, for there are no hard links', async () => {
        await expect(put('new', 'text', null)).rejects.toThrow(/makes no hard links \(E[A-Z]+\)/)
        expect(readdirSync(mounted.root)).not.toContain('new')
      })
    }
  })
}
