import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { readBytes } from '../../functions/storage/suite/suite-tools.suite.ts'
import { toDigest } from './asked.ts'
import { run } from './commands.ts'
import { type FileSystem, getFileSystem, over, toRclone } from './file-systems.ts'
import { openWritten, put, type Written } from './written.ts'

// One file system of each kind of trouble: other inodes of links, other sizes, no links, times that move.

const RCLONE: FileSystem = {
  ...getFileSystem('rclone mount'),
  make: over((behind, at, disk) => [...toRclone(behind, at, disk), '--vfs-write-back', '0s']),
}
const SYSTEMS = [...['sshfs', 'mergerfs', 'gocryptfs', 'exfat-fuse'].map(getFileSystem), RCLONE]

describe.each(SYSTEMS)('writes on $name', (system) => {
  let written: Written

  beforeAll(async () => {
    written = await openWritten(system)
    const { root, behind = root } = written
    // A file that rclone has not uploaded yet would be refused as changed.
    const source = system === RCLONE ? behind : root
    writeFileSync(join(source, 'a'), 'first')
    writeFileSync(join(source, 'b'), 'what is there')
  })

  afterAll(() => written?.close())

  /**
   * Retries a write while it is refused as changed, where rclone moves the times of a file until it is
   * uploaded.
   */
  async function settle(write: () => Promise<unknown>): Promise<void> {
    let trouble: unknown = null
    const attempt = async () => {
      trouble = await write().then(
        () => null,
        (error) => error,
      )
      if (system === RCLONE) expect(trouble ?? {}).not.toMatchObject({ code: 'changed' })
    }
    await vi.waitFor(attempt, { timeout: 60_000, interval: 500 })
    if (trouble !== null) throw trouble
  }

  async function readText(name: string): Promise<string> {
    return Buffer.from(await readBytes(written.storage, name)).toString()
  }

  it('replace a file, keep its old content, and restore that', async () => {
    const { storage } = written
    await put(written, 'a', 'second, longer', 'first')
    expect(await readText('a')).toBe('second, longer')
    await settle(() => put(written, 'a', 'third', 'second, longer'))
    expect(await readText('a')).toBe('third')
    const kept = await storage.listKept({ name: 'a' })
    expect(kept.entries.map(({ size }) => size).sort()).toEqual([14, 5])
    await settle(() => storage.restore('a', { digest: toDigest('first'), replaces: toDigest('third') }))
    expect(await readText('a')).toBe('first')
  })

  it('refuse to replace a file with another content, and leave it unchanged', async () => {
    await expect(put(written, 'b', 'new', 'what was there')).rejects.toMatchObject({ code: 'precondition' })
    expect(readFileSync(join(written.root, 'b'), 'utf8')).toBe('what is there')
  })

  if (system.lacks.includes('links')) {
    it('refuse a new file, since there are no hard links', async () => {
      await expect(put(written, 'new', 'text', null)).rejects.toThrow(/makes no hard links \(E[A-Z]+\)/)
      expect(readdirSync(written.root)).not.toContain('new')
    })
  } else {
    it('create a new file, and never replace another one', async () => {
      await put(written, 'dir/new', 'text', null)
      expect(await readText('dir/new')).toBe('text')
      expect(statSync(join(written.root, 'dir/new')).size).toBe(4)
      await expect(put(written, 'dir/new', 'other', null)).rejects.toMatchObject({ code: 'precondition' })
      expect(await readText('dir/new')).toBe('text')
    })
  }
})

it('a write beyond a quota is refused as such, and leaves the old content', async () => {
  const written = await openWritten(getFileSystem('btrfs'))
  try {
    await run('btrfs', 'quota', 'enable', written.root)
    await run('btrfs', 'qgroup', 'limit', '4M', written.root)
    writeFileSync(join(written.root, 'a'), 'old')
    await expect(put(written, 'a', 'x'.repeat(8 * 1024 * 1024), 'old')).rejects.toMatchObject({
      code: 'unreadable',
      message: 'cannot be written: disk quota exceeded (EDQUOT)',
    })
    expect(readFileSync(join(written.root, 'a'), 'utf8')).toBe('old')
  } finally {
    await written.close()
  }
})
