import { existsSync, mkdirSync, readdirSync, readFileSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createCoordinator } from '../../functions/coordinator/coordinator.ts'
import { createSource, toBytes, toPut } from '../../functions/storage/suite-tools.suite.ts'
import type { ApplyLine } from '../../functions/wire/plan-schemas.ts'
import { createDirectoryStorage, type DirectoryStorage } from '../../runtime/node/directory-storage.ts'
import { createHasher } from '../../runtime/node/hasher.ts'
import { toDigest } from './asked.ts'
import { run } from './commands.ts'
import { FILE_SYSTEMS, type FileSystem } from './file-systems.ts'
import { createPlace, DEADLINES } from './place.ts'
import { requirePackages } from './requirements.ts'

/** One after the other on each file system. */
const ALONE = { concurrent: false }

const ROOM_BYTES = 2 * 1024 * 1024

/** A directory of the file system that takes writes, beside a plain one that is the source of plans. */
interface Written {
  readonly root: string
  readonly plain: string
  /** As in `Volume`. */
  readonly behind: string | undefined
  readonly storage: DirectoryStorage
  close(): Promise<void>
}

async function openWritten(system: FileSystem): Promise<Written> {
  await requirePackages(system.packages)
  const place = await createPlace()
  const work = join(place.disk, 'work')
  mkdirSync(work)
  const volume = await system.make(work)
  await volume.mount(place.root)
  const storage = createDirectoryStorage(place.root, { writable: true, indexPath: place.index })
  return {
    ...{ root: place.root, plain: place.plain, behind: volume.behind, storage },
    async close() {
      await storage.close()
      await volume.unmount(place.root)
      await place.close()
    },
  }
}

async function put({ storage }: Written, name: string, text: string, replaces: string | null) {
  const bytes = toBytes(text)
  const expected = replaces === null ? null : toDigest(replaces)
  return await storage.put(name, createSource(bytes).body, await toPut(bytes, expected))
}

/** Plans and applies what makes the file system hold what the plain directory does. */
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

/** Names in the directory of drafts, locks left out; none where there is no such directory. */
function readDrafts(root: string): string[] {
  const directory = join(root, '.vouch/tmp')
  return existsSync(directory) ? readdirSync(directory).filter((name) => !name.endsWith('.lock')) : []
}

/** Leaves less room than is about to be written. */
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
 * Waits until a file has its content behind the file system too. rclone uploads what was written some seconds later, and
 * moves the file's times each time that it is read before.
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

  it('lets apply replace a file, keeps what it held, and puts it back', ALONE, async () => {
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
    expect(readDrafts(root)).toEqual([])
  })

  if (system.lacks.includes('links')) {
    it('refuses to make a new file, and says why', ALONE, async () => {
      await expect(put(written, 'new/file', 'new', null)).rejects.toThrow('no hard links')
      expect(readDrafts(written.root)).toEqual([])
    })
  } else {
    it('makes a new file', ALONE, async () => {
      await put(written, 'new/file', 'new', null)
      expect(readFileSync(join(written.root, 'new/file'), 'utf8')).toBe('new')
      expect(readDrafts(written.root)).toEqual([])
    })
  }

  // The others show the room of the ext4 below them.
  if (system.hasRoom) {
    it('loses nothing where there is no room, and says so', ALONE, async () => {
      const { root } = written
      writeFileSync(join(root, 'file'), 'old')
      await fill(root)
      await expect(put(written, 'file', 'x'.repeat(4 * ROOM_BYTES), 'old')).rejects.toThrow(/full|ENOSPC/i)
      expect(readFileSync(join(root, 'file'), 'utf8')).toBe('old')
      expect(readDrafts(root)).toEqual([])
    })
  }
})

describe('btrfs with a quota', () => {
  it('loses nothing where the quota is used up, and says so', async () => {
    const system = FILE_SYSTEMS.find(({ name }) => name === 'btrfs')
    if (system === undefined) throw new Error('btrfs is among the file systems')
    const written = await openWritten(system)
    const { root } = written
    try {
      writeFileSync(join(root, 'file'), 'old')
      await run('btrfs', 'quota', 'enable', root)
      await run('btrfs', 'qgroup', 'limit', String(2 * ROOM_BYTES), root)
      await run('sync', '-f', root)
      await expect(put(written, 'file', 'x'.repeat(4 * ROOM_BYTES), 'old')).rejects.toThrow(/quota/i)
      expect(readFileSync(join(root, 'file'), 'utf8')).toBe('old')
      expect(readDrafts(root)).toEqual([])
    } finally {
      await written.close()
    }
  })
})
