import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createSource, hash, readBytes, toBytes, toPut } from '../../functions/storage/suite-tools.suite.ts'
import { createDirectoryStorage, type DirectoryStorage } from './directory-storage.ts'

/** A file system that is mounted for a test. */
export interface Mounted {
  readonly root: string
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
  const cache = ['--vfs-cache-mode', 'full', '--cache-dir', makeDirectory(path, 'cache')]
  const client = spawn('rclone', ['mount', '--config', '/dev/null', ...cache, `:local:${source}`, root], {
    stdio: 'ignore',
  })
  await untilMounted(root)
  return toMounted(root, [client])
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

/** ext4 on which root's files below `root` may take 64 KiB in all, by a quota of the project that they are of. */
export function mountQuota(path: string, root: string): Mounted {
  const image = join(path, 'image')
  writeFileSync(image, '')
  truncateSync(image, 32 * 1024 * 1024)
  run('mkfs.ext4', '-q', '-F', '-O', 'quota,project', '-E', 'quotatype=usrquota:prjquota', image)
  run('mount', '-o', 'loop,prjquota', image, root)
  run('chattr', '-p', '7', '+P', root)
  run('setquota', '-P', '7', '64', '64', '0', '0', root)
  return toMounted(root)
}

function makeDirectory(path: string, name: string): string {
  const made = join(path, name)
  mkdirSync(made)
  return made
}

async function untilMounted(root: string): Promise<void> {
  await vi.waitFor(() => expect(readFileSync('/proc/self/mountinfo', 'utf8')).toContain(` ${root} `), {
    timeout: 20_000,
  })
}

function toMounted(root: string, serving: readonly ChildProcess[] = [], after = () => '') : Mounted {
  return {
    root,
    async close() {
      const ended = serving.map((child) => (child.exitCode === null ? once(child, 'exit') : null))
      await vi.waitFor(() => run('umount', root), { timeout: 20_000 })
      await Promise.all(ended)
      after()
    },
  }
}

function run(...[program = '', ...args]: readonly string[]): string {
  return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

/** What a file system lets vouch do. */
export interface Abilities {
  /** Whether a new file can be put without the risk of replacing another program's. */
  readonly hasNew: boolean
}

/** Tests of writes to a directory on a file system. They fail where it cannot be mounted. */
export function describeWrites(kind: string, mount: Mount, { hasNew }: Abilities): void {
  describe(`writes on ${kind}`, () => {
    let path: string
    let mounted: Mounted
    let storage: DirectoryStorage

    beforeAll(async () => {
      path = mkdtempSync(join(tmpdir(), 'vouch-'))
      mounted = await mount(path, makeDirectory(path, 'root'))
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

    async function readText(name: string): Promise<string> {
      return Buffer.from(await readBytes(storage, name)).toString()
    }

    it('replace a file, keep what it held, and restore that', async () => {
      writeFileSync(join(mounted.root, 'a'), 'first')
      await put('a', 'second, longer', 'first')
      expect(await readText('a')).toBe('second, longer')
      await put('a', 'third', 'second, longer')
      expect(await readText('a')).toBe('third')
      const kept = await storage.listKept({ name: 'a' })
      expect(kept.entries.map(({ size }) => size).sort()).toEqual([14, 5])
      const digest = await hash(toBytes('first'))
      await storage.restore('a', { digest, replaces: await hash(toBytes('third')) })
      expect(await readText('a')).toBe('first')
    })

    it('refuse to replace a file that is another one by now, and leave it', async () => {
      writeFileSync(join(mounted.root, 'b'), 'what is there')
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
        expect(existsSync(join(mounted.root, 'new'))).toBe(false)
      })
    }
  })
}
