import { existsSync, mkdirSync, readdirSync, readFileSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createCoordinator } from '../../functions/coordinator/coordinator.ts'
import type { ApplyLine } from '../../functions/wire/schemas/plan.ts'
import { createDirectoryStorage } from '../../runtime/node/directory-storage.ts'
import { createHasher } from '../../runtime/node/hasher.ts'
import { toDigest } from './asked.ts'
import { run } from './commands.ts'
import { FILE_SYSTEMS, getFileSystem } from './file-systems.ts'
import { DEADLINES } from './place.ts'
import { openWritten, put, type Written } from './written.ts'

/** The tests of one file system run one after the other. */
const ALONE = { concurrent: false }

const ROOM_BYTES = 2 * 1024 * 1024

/** Makes the file system hold the files of the plain directory, by a plan that is applied. */
async function repair({ storage, plain }: Written): Promise<ApplyLine[]> {
  const source = createDirectoryStorage(plain, { indexPath: null })
  try {
    const coordinator = createCoordinator(
      [
        { id: 'plain', storage: source },
        { id: 'mounted', storage },
      ],
      { createHasher, defer: setImmediate, writable: true, deadlines: DEADLINES },
    )
    const post = (body: unknown) => ({
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    })
    const wanted = {
      prefix: '',
      match: [],
      exclude: [],
      rules: [{ prefix: '', policy: { keep: 'plain' } }],
    }
    const plan: unknown = await (await coordinator.request('/plan', post(wanted))).json()
    const text = await (await coordinator.request('/apply', post(plan))).text()
    const lines: ApplyLine[] = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    return lines.filter((line) => 'outcome' in line)
  } finally {
    await source.close()
  }
}

/** Names of temporary files, without locks; none when there is no such directory. */
function readTemporary(root: string): string[] {
  const directory = join(root, '.vouch/tmp')
  return existsSync(directory) ? readdirSync(directory).filter((name) => !name.endsWith('.lock')) : []
}

/** Fills the disk except for ROOM_BYTES. */
async function fill(root: string): Promise<void> {
  const { bavail, bsize } = statfsSync(root)
  const ballast = Math.max(0, bavail * bsize - ROOM_BYTES)
  try {
    await run('fallocate', '-l', String(ballast), join(root, 'ballast'))
  } catch {
    writeFileSync(join(root, 'ballast'), Buffer.alloc(ballast))
  }
}

/**
 * Waits until a file has its content behind the file system too. rclone uploads what was written some seconds
 * later, and moves the file's times each time that it is read before.
 */
async function untilBehind({ behind }: Written, path: string, text: string): Promise<void> {
  if (behind === undefined) return
  const read = () => readFileSync(join(behind, path), 'utf8')
  await vi.waitFor(() => expect(read()).toBe(text), { timeout: 60_000, interval: 200 })
}

describe.concurrent.each(FILE_SYSTEMS)('$name', (system) => {
  let written: Written
  beforeAll(async () => {
    written = await openWritten(system)
  })
  afterAll(() => written.close())

  it('lets apply replace a file, keeps the old content, and restores it', ALONE, async () => {
    const { root, plain, storage } = written
    for (const top of [root, plain]) mkdirSync(join(top, 'directory'))
    writeFileSync(join(root, 'directory/file'), 'old')
    writeFileSync(join(plain, 'directory/file'), 'new content')
    await untilBehind(written, 'directory/file', 'old')
    expect(await repair(written)).toMatchObject([{ name: 'directory/file', to: 'mounted', outcome: 'done' }])
    expect(readFileSync(join(root, 'directory/file'), 'utf8')).toBe('new content')
    expect((await storage.listKept()).entries).toMatchObject([{ digest: toDigest('old') }])
    await untilBehind(written, 'directory/file', 'new content')
    await storage.restore('directory/file', { digest: toDigest('old'), replaces: toDigest('new content') })
    expect(readFileSync(join(root, 'directory/file'), 'utf8')).toBe('old')
    expect(readTemporary(root)).toEqual([])
  })

  if (system.lacks.includes('links')) {
    it('refuses to make a new file, and reports why', ALONE, async () => {
      await expect(put(written, 'new/file', 'new', null)).rejects.toThrow('no hard links')
      expect(readTemporary(written.root)).toEqual([])
    })
  } else {
    it('makes a new file', ALONE, async () => {
      await put(written, 'new/file', 'new', null)
      expect(readFileSync(join(written.root, 'new/file'), 'utf8')).toBe('new')
      expect(readTemporary(written.root)).toEqual([])
    })
  }

  // On the others the room is that of the ext4 below them.
  if (system.hasRoom) {
    it('loses nothing when the disk is full, and reports that', ALONE, async () => {
      const { root } = written
      writeFileSync(join(root, 'file'), 'old')
      await fill(root)
      await expect(put(written, 'file', 'x'.repeat(4 * ROOM_BYTES), 'old')).rejects.toThrow(/full|ENOSPC/i)
      expect(readFileSync(join(root, 'file'), 'utf8')).toBe('old')
      expect(readTemporary(root)).toEqual([])
    })
  }
})

describe('btrfs with a quota', () => {
  it('loses nothing when the quota is used up, and reports that', async () => {
    const written = await openWritten(getFileSystem('btrfs'))
    const { root } = written
    try {
      writeFileSync(join(root, 'file'), 'old')
      await run('btrfs', 'quota', 'enable', root)
      await run('btrfs', 'qgroup', 'limit', String(2 * ROOM_BYTES), root)
      await run('sync', '-f', root)
      await expect(put(written, 'file', 'x'.repeat(4 * ROOM_BYTES), 'old')).rejects.toThrow(/quota/i)
      expect(readFileSync(join(root, 'file'), 'utf8')).toBe('old')
      expect(readTemporary(root)).toEqual([])
    } finally {
      await written.close()
    }
  })
})
