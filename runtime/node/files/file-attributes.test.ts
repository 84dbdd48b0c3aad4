import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, linkSync, mkdirSync, readFileSync, statSync, symlinkSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { PutOptions } from '../../../functions/storage/storage.ts'
import { hash, toBytes } from '../../../functions/storage/suite/set-up.suite.ts'
import {
  createNoise,
  createSource,
  expectBytes,
  readBytes,
  toPut,
} from '../../../functions/storage/suite/suite-tools.suite.ts'
import { asNobody, createTestDirectory, openStorage, type TestDirectory } from '../directory-setup.suite.ts'
import type { WritableDirectoryStorage } from '../directory-storage.ts'
import { useTemporaryDirectory } from '../temporary-directory.suite.ts'
import { dressDirectory } from './file-attributes.ts'

const NOBODY = 65534

let directory: TestDirectory
let storage: WritableDirectoryStorage

beforeEach(async () => {
  directory = await createTestDirectory()
  storage = openStorage(directory.root, { writable: true })
})

afterEach(async () => {
  await directory.close()
})

const inRoot = (name: string) => join(directory.root, name)

async function put(name: string, text: string, replaces: string | null, options: Partial<PutOptions> = {}) {
  const over = replaces === null ? null : await hash(toBytes(replaces))
  const what = { ...(await toPut(toBytes(text), over)), ...options }
  return await storage.put(name, createSource(toBytes(text)).body, what)
}

async function restore(name: string, text: string, replaces: string | null) {
  const over = replaces === null ? null : await hash(toBytes(replaces))
  return await storage.restore(name, { digest: await hash(toBytes(text)), replaces: over })
}

/** Everything but the bytes, as Debian's own tools report it. */
function readAttributes(name: string) {
  const { mode, uid, gid, mtimeNs } = statSync(inRoot(name), { bigint: true })
  const run = (program: string, ...args: string[]) =>
    execFileSync(program, [...args, '--absolute-names', inRoot(name)], { encoding: 'utf8' })
  return {
    mode: (Number(mode) & 0o7777).toString(8),
    uid: Number(uid),
    gid: Number(gid),
    mtimeNs,
    xattrs: run('getfattr', '-d'),
    acl: run('getfacl', '--omit-header'),
  }
}

/** A file with every kind of attribute. */
function decorate(name: string): ReturnType<typeof readAttributes> {
  chownSync(inRoot(name), 1234, 4321)
  execFileSync('setfacl', ['-m', 'u:1235:r', inRoot(name)])
  execFileSync('setfattr', ['-n', 'user.origin', '-v', 'scanner', inRoot(name)])
  chmodSync(inRoot(name), 0o6750)
  execFileSync('touch', ['-d', '2001-02-03 04:05:06.789123456 UTC', inRoot(name)])
  return readAttributes(name)
}

const TIME = Date.UTC(2010, 1, 2, 3, 4, 5, 678)

describe('a file that replaces another', () => {
  it('keeps its permissions, set-id bits, owner, group, extended attributes and access control list', async () => {
    await directory.write('dir/a', toBytes('old'))
    const before = decorate('dir/a')
    const written = await put('dir/a', 'new', 'old', { modified: TIME, modes: [0o777, 0o777] })
    expect(written).not.toHaveProperty('unkept')
    expect(readAttributes('dir/a')).toEqual({ ...before, mtimeNs: expect.anything() })
    expect(statSync(inRoot('dir/a')).mtimeMs).toBeCloseTo(TIME, 1)
    expect(readFileSync(inRoot('dir/a'), 'utf8')).toBe('new')
  })

  it('reports attributes that this process may not keep, and drops the set-id bits with the owner', async () => {
    await directory.write('a', toBytes('old'))
    chownSync(inRoot('a'), 1234, 4321)
    chmodSync(inRoot('a'), 0o4755)
    chownSync(directory.root, NOBODY, NOBODY)
    const { unkept } = await asNobody(async () => await put('a', 'new', 'old'))
    expect(unkept).toEqual(['mode', 'owner', 'group', 'attributes'])
    const { mode, uid } = statSync(inRoot('a'))
    expect([mode & 0o7777, uid]).toEqual([0o755, NOBODY])
  })

  it('reports extended attributes as not kept when no cp is installed', async () => {
    await directory.write('a', toBytes('old'))
    decorate('a')
    const path = process.env['PATH']
    process.env['PATH'] = directory.root
    try {
      expect((await put('a', 'new', 'old')).unkept).toEqual(['attributes'])
    } finally {
      process.env['PATH'] = path
    }
    const { mode, uid, gid } = statSync(inRoot('a'))
    expect([mode & 0o7777, uid, gid]).toEqual([0o6750, 1234, 4321])
  })
})

describe('the shell that copies attributes', () => {
  it('is one for several files, and ends when it has no more to do', async () => {
    for (const name of ['a', 'b', 'c']) {
      await directory.write(name, toBytes('old'))
      decorate(name)
    }
    const written = await Promise.all(['a', 'b', 'c'].map((name) => put(name, 'new', 'old')))
    for (const one of written) expect(one).not.toHaveProperty('unkept')
    expect(listShells()).toHaveLength(1)
    await expect.poll(listShells).toEqual([])
  })

  it('is not missed where it is not installed, or may not open the descriptors of this process', async () => {
    await directory.write('a', toBytes('old'))
    const before = decorate('a')
    const programs = useTemporaryDirectory()
    symlinkSync(execFileSync('which', ['cp'], { encoding: 'utf8' }).trim(), join(programs, 'cp'))
    const path = process.env['PATH']
    process.env['PATH'] = programs
    try {
      expect(await put('a', 'new', 'old')).not.toHaveProperty('unkept')
    } finally {
      process.env['PATH'] = path
    }
    expect(readAttributes('a')).toEqual({ ...before, mtimeNs: expect.anything() })
  })
})

/** The ids of this process's children that are shells. */
function listShells(): string[] {
  const children = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8').trim()
  return children.split(' ').filter((id) => id !== '' && readFileSync(`/proc/${id}/comm`, 'utf8') === 'sh\n')
}

describe('a restored content', () => {
  it.each([
    ['is the replaced file itself', () => {}],
    ['is a copy, the file having other names', () => linkSync(inRoot('a'), inRoot('b'))],
  ])(
    'has all attributes of its file, time to the nanosecond, when the kept content %s',
    async (_, prepare) => {
      await directory.write('a', toBytes('old'))
      prepare()
      const before = decorate('a')
      await put('a', 'new', 'old', { modified: TIME })
      chmodSync(inRoot('a'), 0o600)
      expect(await restore('a', 'old', 'new')).not.toHaveProperty('unkept')
      expect(readAttributes('a')).toEqual(before)
      await directory.remove('a')
      await restore('a', 'old', null)
      expect(readAttributes('a')).toEqual(before)
    },
  )

  it('has them also after its kept copy was stamped', async () => {
    await directory.write('a', toBytes('old'))
    linkSync(inRoot('a'), inRoot('b'))
    const before = decorate('a')
    await put('a', 'new', 'old')
    await restore('a', 'old', 'new')
    await put('a', 'newer', 'old')
    await restore('a', 'old', 'newer')
    expect(readAttributes('a')).toEqual(before)
  })
})

describe('a new file', () => {
  it('takes the permissions and time of its copy, and new directories take theirs', async () => {
    await put('open/closed/a', 'new', null, { modified: TIME, modes: [0o775, 0o700, 0o606] })
    const modes = ['open', 'open/closed', 'open/closed/a'].map((name) => statSync(inRoot(name)).mode & 0o7777)
    expect(modes).toEqual([0o775, 0o700, 0o606])
    expect(statSync(inRoot('open/closed/a')).mtimeMs).toBeCloseTo(TIME, 1)
  })

  it('leaves existing directories unchanged, and makes new ones writable for their owner', async () => {
    mkdirSync(inRoot('there'), 0o711)
    await put('there/made/a', 'new', null, { modes: [0o777, 0o555, 0o444] })
    const modes = ['there', 'there/made', 'there/made/a'].map((name) => statSync(inRoot(name)).mode & 0o7777)
    expect(modes).toEqual([0o711, 0o755, 0o444])
  })

  it('takes only permission bits, and only from modes that match its path', async () => {
    await put('a', 'new', null, { modes: [0o7777] })
    await put('b', 'new', null, { modes: [0o700, 0o600] })
    const modes = ['a', 'b'].map((name) => statSync(inRoot(name)).mode & 0o7777)
    expect(modes).toEqual([0o777, 0o666 & ~process.umask()])
  })

  it('inherits the group of a set-group-id directory, as its new directories do', async () => {
    mkdirSync(inRoot('team'))
    chownSync(inRoot('team'), 0, 4321)
    chmodSync(inRoot('team'), 0o2775)
    await put('team/x/a', 'new', null, { modes: [0o777, 0o750, 0o640] })
    await put('team/y/a', 'new', null)
    for (const x of ['team/x', 'team/y']) {
      const [above, file] = [statSync(inRoot(x)), statSync(inRoot(`${x}/a`))]
      expect([above.gid, file.gid, above.mode & 0o2000]).toEqual([4321, 4321, 0o2000])
    }
    expect(statSync(inRoot('team/x')).mode & 0o7777).toBe(0o2750)
  })

  it('is written to a set-group-id directory of a foreign group, and reports that the group was not kept', async () => {
    mkdirSync(inRoot('team'))
    for (const [name, gid] of [
      ['.', NOBODY],
      ['team', 4321],
    ] as const)
      chownSync(inRoot(name), NOBODY, gid)
    chmodSync(inRoot('team'), 0o2775)
    const modes = [0o777, 0o777, 0o666]
    const written = await asNobody(async () => await put('team/x/a', 'new', null, { modes }))
    expect(statSync(inRoot('team/x')).mode & 0o2000).toBe(0o2000)
    expect(written.unkept).toEqual(['group'])
  })
})

describe('a new directory', () => {
  it('keeps its mode when the system refuses to set a set-group-id bit', async () => {
    const path = join(directory.root, 'made')
    mkdirSync(path)
    chmodSync(path, 0o2700)
    const handle = await open(path)
    try {
      // As under systemd's RestrictSUIDSGID.
      handle.chmod = async () => {
        throw Object.assign(new Error('EPERM'), { code: 'EPERM' })
      }
      await dressDirectory(handle, 0o755)
      expect(statSync(path).mode & 0o7777).toBe(0o2700)
    } finally {
      await handle.close()
    }
  })
})

describe('the permissions read for another copy', () => {
  it('are those of the directories and of the file', async () => {
    await directory.write('x/y/a', toBytes('a'))
    chmodSync(inRoot('x'), 0o1750)
    chmodSync(inRoot('x/y'), 0o700)
    chmodSync(inRoot('x/y/a'), 0o4600)
    expect(await storage.readModes?.('x/y/a')).toEqual([0o750, 0o700, 0o600])
    expect(await storage.readModes?.('x/y/missing')).toBeNull()
  })
})

describe('holes', () => {
  it('are preserved in written, kept and restored contents', async () => {
    const image = new Uint8Array(8 * 1024 * 1024)
    image.set(createNoise(5000), 3_000_000)
    image.set(createNoise(5000, 2), 6_000_001)
    const options = await toPut(image, null)
    await storage.put('disk.img', createSource(image, 65_537).body, options)
    linkSync(inRoot('disk.img'), inRoot('twin'))
    await put('disk.img', 'new', null, { replaces: options.digest })
    await storage.restore('disk.img', { digest: options.digest, replaces: await hash(toBytes('new')) })
    expectBytes(await readBytes(storage, 'disk.img'), image)
    const kept = `.vouch/kept/${options.digest}/disk.img`
    for (const name of ['twin', kept, 'disk.img']) {
      const { blocks, size } = statSync(inRoot(name))
      expect([size, blocks * 512 < 200_000]).toEqual([image.length, true])
    }
  })

  it('replace whole blocks of zeros, in chunks of any size', async () => {
    for (const pieceBytes of [1, 1000, 4096, 5000]) {
      for (const length of [0, 1, 4096, 12_000, 12_288]) {
        const bytes = new Uint8Array(length)
        for (let at = 0; at < length; at += 4099) bytes[at] = at % 3
        const name = `${pieceBytes}-${length}`
        await storage.put(name, createSource(bytes, pieceBytes).body, await toPut(bytes, null))
        expectBytes(readFileSync(inRoot(name)), bytes)
      }
    }
  })
})
