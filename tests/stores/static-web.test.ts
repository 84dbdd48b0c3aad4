import { mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { isFacts } from '../../functions/storage/facts.ts'
import { createDigestCache } from '../../functions/storage/objects/digest-cache.ts'
import { createObjectStorage } from '../../functions/storage/objects/object-storage.ts'
import type { Objects } from '../../functions/storage/objects/objects.ts'
import type { Storage } from '../../functions/storage/storage.ts'
import { describeListing } from '../../functions/storage/suite/listing.suite.ts'
import { describeReading } from '../../functions/storage/suite/reading.suite.ts'
import { hash, toBytes } from '../../functions/storage/suite/set-up.suite.ts'
import { describeStorage, type StorageUnderTest } from '../../functions/storage/suite/storage.suite.ts'
import {
  describeOne,
  expectTrouble,
  ODD_NAMES,
  type Planted,
  readBytes,
} from '../../functions/storage/suite/suite-tools.suite.ts'
import { readSurvey } from '../../functions/storage/survey/read-survey.ts'
import type { Survey } from '../../functions/storage/survey/survey.ts'
import { createStaticWeb } from '../../functions/storage/web/static-web.ts'
import { plantUnlisted } from '../../runtime/node/directory-setup.suite.ts'
import { createHasher } from '../../runtime/node/hasher.ts'
import { createSend } from '../../runtime/node/http/http-client.ts'
import { createTemporaryDirectory } from '../../runtime/node/temporary-directory.suite.ts'
import { hasProgram } from '../operating/operating.suite.ts'
import {
  startApache,
  startCaddy,
  startH2o,
  startNginx,
  startPython,
  type WebServer,
  WITH_LISTINGS,
  WITH_WEBDAV,
} from './web-servers.suite.ts'

/** None of these servers shows validators late; `web-validators.test.ts` has one that does. */
vi.mock('../../functions/wire/limits.ts', async (load) => ({
  ...(await load<typeof import('../../functions/wire/limits.ts')>()),
  SEEN_AGAIN_MS: 0,
}))

const hasNginx = hasProgram('nginx', 'files behind nginx')
const hasCaddy = hasProgram('caddy', 'files behind Caddy')
const hasPython = hasProgram('python3', 'files behind the web server of Python')
const hasH2o = hasProgram('h2o', 'files behind h2o')
const hasApache = hasProgram('apache2', 'files behind Apache, which lists them by WebDAV')
const { path: scratch, remove } = createTemporaryDirectory('vouch-web-')
const root = join(scratch, 'root')
/** An old time, for files whose time must be believed. */
const OLD = new Date('2026-01-01T00:00:00Z')
const WHOLE: Survey = {
  ...{ ranges: [{ after: '', until: null }], prefix: '', grain: 0 },
  ...{ maxAge: null, match: [], exclude: [] },
}
let listing: WebServer | undefined
let plain: WebServer | undefined
let caddy: WebServer | undefined
let python: WebServer | undefined
let h2o: WebServer | undefined
let webdav: WebServer | undefined
let made = 0

beforeAll(async () => {
  mkdirSync(root)
  if (hasNginx) {
    listing = await startNginx(join(scratch, 'listing'), root, WITH_LISTINGS)
    plain = await startNginx(join(scratch, 'plain'), root, '')
  }
  if (hasCaddy) caddy = await startCaddy(join(scratch, 'caddy'), root)
  if (hasPython) python = await startPython(root)
  if (hasH2o) h2o = await startH2o(join(scratch, 'h2o'), root)
  if (hasApache) webdav = await startApache(join(scratch, 'webdav'), root, ['dav', 'dav_fs'], WITH_WEBDAV)
})

afterAll(async () => {
  for (const server of [listing, plain, caddy, python, h2o, webdav]) await server?.stop()
  remove()
})

/** A directory of its own behind a server, and the number of requests to the server. */
function setUp(server: WebServer | undefined) {
  const name = `d${made++}`
  const directory = join(root, name)
  mkdirSync(directory)
  const asked = { heads: 0, gets: 0 }
  const send = createSend()
  const objects: Objects = createStaticWeb(`${server?.url}/${name}/`, {
    async fetch(url, init) {
      if (init.method === 'HEAD') asked.heads++
      else asked.gets++
      return await send(url, init)
    },
  })
  const storage: Storage = createObjectStorage(objects, { createHasher, cache: createDigestCache() })
  const write = (name: string, bytes: Uint8Array | string, modified?: Date) => {
    const path = join(directory, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, bytes)
    if (modified) utimesSync(path, modified, modified)
  }
  return { directory, storage, asked, write }
}

/**
 * The same for the suite of storages; the files have just been written, so that their times do not
 * distinguish versions yet.
 */
function toTested({ directory, storage, write }: ReturnType<typeof setUp>): StorageUnderTest {
  return {
    storage,
    write: async (name, bytes) => write(name, bytes),
    remove: async (name) => rmSync(join(directory, name)),
    writable: false,
    seesChanges: true,
    hidesDots: true,
    plant: async () => plantUnlistedByServer(directory),
    close: async () => rmSync(directory, { recursive: true }),
  }
}

/**
 * Entries that the listing of the server cannot show: links are followed, and a directory without a valid
 * name is not entered.
 */
function plantUnlistedByServer(directory: string): Planted[] {
  const planted = plantUnlisted(directory).filter(({ kind }) => kind !== 'backslash' && kind !== 'link')
  for (const path of ['link', 'd/d/link']) rmSync(join(directory, path))
  return [
    ...planted.map(({ kind, example }) => ({ kind: kind === 'fifo' ? ('special' as const) : kind, example })),
    { kind: 'backslash', example: 'b\\dir/' },
    { kind: 'backslash', example: 'd/x\\y' },
  ]
}

/** Caddy lists a FIFO as such, and shows U+FFFD for a byte that is not UTF-8. */
function toCaddys({ kind, example }: Planted): Planted {
  return { kind: kind === 'special' ? 'fifo' : kind, example: example.replace('\\xff', '\ufffd') }
}

/** As `toTested`, each write a second after the one before and long ago: times that distinguish versions. */
function toSettled({ write, ...rest }: ReturnType<typeof setUp>): StorageUnderTest {
  let writes = 0
  const toTime = () => new Date(OLD.getTime() + 1000 * writes++)
  return { ...toTested({ ...rest, write }), write: async (name, bytes) => write(name, bytes, toTime()) }
}

describe.skipIf(!hasNginx)('with nginx', () => {
  describeStorage('files behind nginx, which lists them', async () => toTested(setUp(listing)))
  describeStorage('files behind nginx of long ago', async () => toSettled(setUp(listing)))
  describe('files behind nginx, which does not list them', () => {
    describeReading(async () => toSettled(setUp(plain)))
  })

  it('no directory is a file, under any name', async () => {
    const { directory, storage } = setUp(plain)
    const names = ODD_NAMES.filter((name) => !name.includes('/'))
    for (const name of names) mkdirSync(join(directory, name))
    expect(await Promise.all(storage.describe(names))).toEqual(names.map(() => null))
    for (const name of names) expect(await storage.open(name)).toBeNull()
  })

  it('an unchanged file is read twice, and again when it changes', async () => {
    const { storage, asked, write } = setUp(plain)
    write('a', 'one', OLD)
    for (let i = 0; i < 3; i++)
      expect(await describeOne(storage, 'a')).toMatchObject({ digest: await digestOf('one') })
    expect(asked.gets).toBe(2)
    write('a', 'two', new Date(OLD.getTime() + 1000))
    for (let i = 0; i < 3; i++)
      expect(await describeOne(storage, 'a')).toMatchObject({ digest: await digestOf('two') })
    expect(asked.gets).toBe(4)
  })

  it('a file that was changed a moment ago is read each time, since its time does not distinguish a second change', async () => {
    const { storage, write } = setUp(plain)
    for (const text of ['one', 'two', 'six']) {
      write('a', text)
      expect(await describeOne(storage, 'a')).toMatchObject({ digest: await digestOf(text) })
      expect(await readBytes(storage, 'a', { range: { offset: 1, length: 1 } })).toEqual(
        toBytes(text.slice(1, 2)),
      )
    }
  })

  it('a web server without listings is an error to list, not empty', async () => {
    const { storage, write } = setUp(plain)
    write('a', 'one', OLD)
    await expectTrouble(storage.list(), 'unreadable')
    expect(await describeOne(storage, 'b')).toBeNull()
  })

  it('no file is reported as absent once the directory itself is removed', async () => {
    const { directory, storage, write } = setUp(listing)
    write('a', 'one', OLD)
    expect(await describeOne(storage, 'b')).toBeNull()
    rmSync(directory, { recursive: true })
    await expectTrouble(describeOne(storage, 'a'), 'unreadable')
    await expectTrouble(storage.list(), 'unreadable')
    mkdirSync(directory)
  })

  it.each([
    ['many directories', (i: number) => `${i % 7 === 0 ? 'a' : `a-${i % 13}/b`}${i}.txt`, 14],
    ['one directory', (i: number) => `${i}.txt`, 1],
  ] as const)(
    'ten thousand files in %s are listed completely and in order, each listing requested once',
    async (_, toName, gets) => {
      const { storage, asked, write } = setUp(listing)
      const names = Array.from({ length: 10_000 }, (_, i) => toName(i))
      for (const name of names) write(name, '')
      const found: string[] = []
      let pages = 0
      for (let after: string | null = ''; after !== null; pages++) {
        const page: Awaited<ReturnType<Storage['list']>> = await storage.list({ after })
        found.push(...page.entries.map(({ name }) => name))
        after = page.next
      }
      expect(pages).toBe(10)
      expect(found).toEqual(names.toSorted())
      expect(asked).toEqual({ heads: 0, gets })
    },
    60_000,
  )

  it('a listing continued a moment later shows the files from its beginning, and a new listing the new ones', async () => {
    const { storage, write } = setUp(listing)
    for (let i = 100; i < 300; i++) write(`${i}`, '', OLD)
    expect((await storage.list({ limit: 150 })).next).toBe('249')
    write('300', '', OLD)
    expect((await storage.list({ after: '249' })).entries.at(-1)?.name).toBe('299')
    expect((await storage.list({ after: '248' })).entries.at(-1)?.name).toBe('300')
  })

  it('a tree with remembered digests is compared only by its listings', async () => {
    const { storage, asked, write } = setUp(listing)
    const names = Array.from({ length: 300 }, (_, i) => `d${i % 3}/${i}`)
    for (const name of names) write(name, name, OLD)
    const first = await readTree(storage)
    expect(first).toHaveLength(300)
    // The probe, and before and after each file.
    expect(asked).toEqual({ heads: expect.any(Number), gets: 4 + 300 })
    Object.assign(asked, { heads: 0, gets: 0 })
    expect(await readTree(storage)).toEqual(first)
    expect(asked).toEqual({ heads: 0, gets: 4 })
    write('d1/1', 'other', new Date(OLD.getTime() + 1000))
    expect((await readTree(storage)).filter((digest, i) => digest !== first[i])).toEqual([
      await digestOf('other'),
    ])
  })
})

describe.skipIf(!hasCaddy)('with Caddy', () => {
  describeStorage('files behind Caddy, which lists them', async () => {
    const under = setUp(caddy)
    const plant = async () => plantUnlistedByServer(under.directory).map(toCaddys)
    return { ...toTested(under), hidesDots: false, plant }
  })
})

describe.skipIf(!hasPython)("with Python's web server", () => {
  describe('files behind it', () => {
    describeReading(async () => toTested(setUp(python)))
  })

  it('a range is cut from the whole when the server has no ranges', async () => {
    const { storage, write } = setUp(python)
    write('dir/a', 'content', OLD)
    const options = { range: { offset: 2, length: 3 }, ifDigest: await digestOf('content') }
    expect(await readBytes(storage, 'dir/a', options)).toEqual(toBytes('nte'))
    await expectTrouble(storage.open('dir/a', { range: { offset: 6, length: 2 } }), 'out-of-range')
  })

  it('a directory is not a file', async () => {
    const { storage, write } = setUp(python)
    write('dir/a', 'content', OLD)
    expect(await describeOne(storage, 'dir')).toBeNull()
  })
})

// By the links of pages, in which a directory looks like a file; and by WebDAV.
describe.skipIf(!hasH2o)('files behind h2o, which lists them in HTML', () => {
  describeListing(async () => ({ ...toTested(setUp(h2o)), hidesDots: false }))
})
describe.skipIf(!hasApache)('files behind Apache, which lists them by WebDAV', () => {
  describeListing(async () => ({ ...toTested(setUp(webdav)), hidesDots: false }))
})

/** The digests of all files, in the order of their names. */
async function readTree(storage: Storage): Promise<string[]> {
  const digests: string[] = []
  for await (const line of readSurvey(storage, WHOLE, { createHasher })) {
    if ('said' in line && isFacts(line.said)) digests.push(line.said.digest)
  }
  return digests
}

async function digestOf(text: string): Promise<string> {
  return await hash(toBytes(text))
}
