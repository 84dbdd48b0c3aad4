import { mkdirSync, readdirSync, readFileSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { createCoordinator } from '../../functions/coordinator/coordinator.ts'
import { createSource, toBytes, toPut } from '../../functions/storage/suite-tools.suite.ts'
import type { ApplyLine } from '../../functions/wire/plan-schemas.ts'
import { createDirectoryStorage, type DirectoryStorage } from '../../runtime/node/directory-storage.ts'
import { createHasher } from '../../runtime/node/hasher.ts'
import { toDigest } from './asked.ts'
import { run } from './commands.ts'
import { FILE_SYSTEMS, type FileSystem } from './file-systems.ts'
import { createPlace } from './place.ts'
import { requirePackages } from './requirements.ts'

/** A directory of the file system that takes writes, beside a plain one that is the source of plans. */
interface Written {
  readonly root: string
  readonly plain: string
  readonly storage: DirectoryStorage
}

async function withWritten(system: FileSystem, use: (written: Written) => Promise<void>): Promise<void> {
  await requirePackages(system.packages)
  const place = await createPlace()
  const work = join(place.disk, 'work')
  mkdirSync(work)
  const volume = await system.make(work)
  await volume.mount(place.root)
  const storage = createDirectoryStorage(place.root, { writable: true, indexPath: place.index })
  try {
    await use({ root: place.root, plain: place.plain, storage })
  } finally {
    await storage.close()
    await volume.unmount(place.root)
    await place.close()
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
      { createHasher, defer: setImmediate, writable: true },
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
    return text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
  } finally {
    await source.close()
  }
}

/** Names in the directory of drafts, locks left out. */
function readDrafts(root: string): string[] {
  return readdirSync(join(root, '.vouch/tmp')).filter((name) => !name.endsWith('.lock'))
}

describe.concurrent.each(FILE_SYSTEMS)('$name', (system) => {
  it('lets apply replace a file, keeps what it held, and puts it back', () =>
    withWritten(system, async (written) => {
      const { root, plain, storage } = written
      mkdirSync(join(root, 'directory'))
      mkdirSync(join(plain, 'directory'))
      writeFileSync(join(root, 'directory/file'), 'old')
      writeFileSync(join(plain, 'directory/file'), 'new content')
      const lines = await repair(written)
      expect(lines[0]).toMatchObject({ name: 'directory/file', to: 'mounted', outcome: 'done' })
      expect(readFileSync(join(root, 'directory/file'), 'utf8')).toBe('new content')
      expect((await storage.listKept()).entries).toMatchObject([{ digest: toDigest('old') }])
      await storage.restore('directory/file', { digest: toDigest('old'), replaces: toDigest('new content') })
      expect(readFileSync(join(root, 'directory/file'), 'utf8')).toBe('old')
      expect(readDrafts(root)).toEqual([])
    }))

  const makes = system.lacks.includes('links') ? 'refuses to make a new file, and says why' : 'makes a new file'
  it(makes, () =>
    withWritten(system, async (written) => {
      const { root } = written
      const putting = put(written, 'new/file', 'new', null)
      if (system.lacks.includes('links')) await expect(putting).rejects.toThrow('no hard links')
      else {
        await putting
        expect(readFileSync(join(root, 'new/file'), 'utf8')).toBe('new')
      }
      expect(readDrafts(root)).toEqual([])
    }))

  it('loses nothing where there is no room, and says so', () =>
    withWritten(system, async (written) => {
      const { root } = written
      writeFileSync(join(root, 'file'), 'old')
      const { bavail, bsize } = statfsSync(root)
      const free = bavail * bsize
      if (free > MOST_FREE_BYTES) {
        expect(SHOWN_AS_LARGE).toContain(system.name)
        return
      }
      const large = 'x'.repeat(free + ROOM_BYTES)
      await expect(put(written, 'file', large, 'old')).rejects.toThrow(/full|no (room|space)|ENOSPC/i)
      expect(readFileSync(join(root, 'file'), 'utf8')).toBe('old')
      expect(readDrafts(root)).toEqual([])
    }))
})

describe('btrfs with a quota', () => {
  beforeAll(() => requirePackages(['btrfs-progs']))

  it('loses nothing where the quota is used up, and says so', async () => {
    const system = FILE_SYSTEMS.find(({ name }) => name === 'btrfs')
    if (system === undefined) throw new Error('btrfs is among the file systems')
    await withWritten(system, async (written) => {
      const { root } = written
      writeFileSync(join(root, 'file'), 'old')
      await run('btrfs', 'quota', 'enable', root)
      await run('btrfs', 'qgroup', 'limit', '4M', root)
      await run('sync', '-f', root)
      await expect(put(written, 'file', 'x'.repeat(MIB * 16), 'old')).rejects.toThrow(/quota/i)
      expect(readFileSync(join(root, 'file'), 'utf8')).toBe('old')
      expect(readDrafts(root)).toEqual([])
    })
  })
})

const MIB = 1024 * 1024
const ROOM_BYTES = 8 * MIB
/** More than is written in this test. */
const MOST_FREE_BYTES = 400 * MIB
/** Those that lie on the ext4 of the place. */
const SHOWN_AS_LARGE: readonly string[] = [
  'overlay',
  'sshfs',
  'bindfs',
  'mergerfs',
  'unionfs-fuse',
  'gocryptfs',
  'fuse-overlayfs',
  'rclone mount',
]
