import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readStates } from '../../functions/storage/suite/states.suite.ts'
import {
  hash,
  makeBytes,
  readBytes,
  readParts,
  readProblem,
  type StartWorld,
  type World,
} from './world.suite.ts'

const MULTIPART = { headers: { Accept: 'multipart/mixed' } }

const SIZES = [4096, 4097, 8192, 8193, 1_500_007]

/** Two servers, with every case that the first version of vouch answered wrongly. */
const TWO = {
  server1: {
    'file1.txt': 'same',
    'file2.txt': 'one',
    'file3.txt': 'only on server1',
    'folder/inside.txt': 'inside',
    'hollow.txt': '',
    'hollow-1.txt': '',
    'hollow-2.txt': 'x',
    'hollow-only.txt': '',
    'pipe.txt': 'a|b',
    'pipe-same.txt': 'SINGLE_FILE|x|y',
    'found.txt': 'real',
    '100% ü #?.txt': 'odd',
    ...Object.fromEntries(SIZES.map((size) => [`same-${size}.bin`, makeBytes(size)])),
    ...Object.fromEntries(SIZES.map((size) => [`differ-${size}.bin`, makeBytes(size)])),
  },
  server2: {
    'file1.txt': 'same',
    'file2.txt': 'two',
    'file5.txt': 'only on server2',
    'only2-6000.bin': makeBytes(6000),
    'hollow.txt': '',
    'hollow-1.txt': 'x',
    'hollow-2.txt': '',
    'pipe.txt': 'c|d|SERVER2|',
    'pipe-same.txt': 'SINGLE_FILE|x|y',
    'found.txt': 'FILE_NOT_FOUND',
    'found-only.txt': 'FILE_NOT_FOUND',
    '100% ü #?.txt': 'odd',
    ...Object.fromEntries(SIZES.map((size) => [`same-${size}.bin`, makeBytes(size)])),
    ...Object.fromEntries(SIZES.map((size) => [`differ-${size}.bin`, withLastByteFlipped(makeBytes(size))])),
  },
}

function withLastByteFlipped(bytes: Uint8Array): Uint8Array {
  return bytes.with(-1, (bytes.at(-1) ?? 0) ^ 1)
}

/** Every agreement of the copies on two or three servers. */
export function describeAgreement(start: StartWorld): void {
  describe('two servers', () => {
    let world: World
    beforeAll(async () => {
      world = await start(TWO)
    })
    afterAll(() => world.close())

    async function expectFile(path: string, content: string | Uint8Array, agreement: string, status: string) {
      const response = await world.fetch(path)
      expect(response.headers.get('Replica-Agreement')).toBe(agreement)
      expect(readStates(response.headers)).toBe(status)
      expect(response.status).toBe(200)
      expect(response.headers.get('Content-Length')).toBe(String(Buffer.byteLength(content)))
      expect((await readBytes(response)).equals(Buffer.from(content))).toBe(true)
    }

    async function expectConflict(path: string, one: string | Uint8Array, two: string | Uint8Array) {
      const response = await world.fetch(path, MULTIPART)
      expect(response.status).toBe(300)
      expect(response.headers.get('Replica-Agreement')).toBe('conflict;answered=2;of=2')
      const [manifest, ...versions] = await readParts(response)
      expect(JSON.parse(String(manifest?.content)).agreement).toBe('conflict')
      const names = versions.map(({ headers }) => headers.get('Content-Disposition')?.split('"')[1])
      expect(names.map((name) => name?.split('.')[0])).toEqual(['server1_version', 'server2_version'])
      expect(versions.map(({ content }) => hash(content).hex)).toEqual([hash(one).hex, hash(two).hex])
    }

    const BOTH = 'server1;state=match, server2;state=match'
    const ONLY_1 = 'server1;state=match, server2;state=missing'
    const ONLY_2 = 'server1;state=missing, server2;state=match'
    const UNANIMOUS = 'unanimous;answered=2;of=2'
    const INCOMPLETE = 'incomplete;answered=2;of=2'

    it('send a file that is the same on both once', async () => {
      await expectFile('/files/file1.txt', 'same', UNANIMOUS, BOTH)
    })

    it('send both versions of a file that differs, each with its holder', async () => {
      await expectConflict('/files/file2.txt', 'one', 'two')
    })

    it('send a file that only server1 holds, and report that server2 does not', async () => {
      await expectFile('/files/file3.txt', 'only on server1', INCOMPLETE, ONLY_1)
    })

    it('send a file that only server2 holds, and report that server1 does not', async () => {
      await expectFile('/files/file5.txt', 'only on server2', INCOMPLETE, ONLY_2)
      await expectFile('/files/only2-6000.bin', makeBytes(6000), INCOMPLETE, ONLY_2)
    })

    it('answer 404 for a file that both report as missing', async () => {
      const response = await world.fetch('/files/file4.txt')
      expect(response.status).toBe(404)
      expect(response.headers.get('Replica-Agreement')).toBe('absent;answered=2;of=2')
      expect(await readProblem(response)).toMatchObject({
        type: 'not-found',
        agreement: 'absent',
        versions: [],
      })
    })

    it.each(SIZES)(
      'send a file of %i bytes completely, and detect a difference in its last byte',
      async (size) => {
        await expectFile(`/files/same-${size}.bin`, makeBytes(size), UNANIMOUS, BOTH)
        const content = makeBytes(size)
        await expectConflict(`/files/differ-${size}.bin`, content, withLastByteFlipped(content))
      },
    )

    it('distinguish an empty file from a missing one', async () => {
      await expectFile('/files/hollow-only.txt', '', INCOMPLETE, ONLY_1)
    })

    it('report two empty files as the same', async () => {
      await expectFile('/files/hollow.txt', '', UNANIMOUS, BOTH)
    })

    it('report that an empty file differs from one byte, on either replica', async () => {
      await expectConflict('/files/hollow-1.txt', '', 'x')
      await expectConflict('/files/hollow-2.txt', 'x', '')
    })

    it('send content with | in it unchanged', async () => {
      await expectFile('/files/pipe-same.txt', 'SINGLE_FILE|x|y', UNANIMOUS, BOTH)
      await expectConflict('/files/pipe.txt', 'a|b', 'c|d|SERVER2|')
    })

    it('treat a content FILE_NOT_FOUND as content', async () => {
      await expectFile('/files/found-only.txt', 'FILE_NOT_FOUND', INCOMPLETE, ONLY_2)
      await expectConflict('/files/found.txt', 'real', 'FILE_NOT_FOUND')
    })

    it('send a file whose name must be encoded', async () => {
      await expectFile('/files/100%25%20%C3%BC%20%23%3F.txt', 'odd', UNANIMOUS, BOTH)
    })

    it('do not treat a directory as a file', async () => {
      const response = await world.fetch('/files/folder')
      expect(response.status).toBe(404)
      expect(await readProblem(response)).toMatchObject({ type: 'not-found' })
      await expectFile('/files/folder/inside.txt', 'inside', INCOMPLETE, ONLY_1)
    })

    it('send many files in one answer, each as by itself', async () => {
      const names = ['file1.txt', 'file2.txt', 'same-1500007.bin', 'file4.txt', '100% ü #?.txt']
      const headers = { 'Content-Type': 'application/json' }
      const answer = await world.fetch('/reads', { method: 'POST', headers, body: JSON.stringify({ names }) })
      expect([answer.status, answer.headers.get('Content-Type')]).toEqual([200, 'application/http'])
      const bytes = await readBytes(answer)
      const heads = [...bytes.toString('latin1').matchAll(/HTTP\/1\.1 (\d+) [\s\S]*?\r\n\r\n/g)]
      expect(heads.map(([, status]) => status)).toEqual(['200', '409', '200', '404', '200'])
      const from = (heads[2]?.index ?? 0) + (heads[2]?.[0].length ?? 0)
      expect(bytes.subarray(from, from + 1_500_007).equals(makeBytes(1_500_007))).toBe(true)
      expect(bytes.subarray(-3).toString()).toBe('odd')
    })

    it('show as WebDAV a folder, and beside a conflict the copy of each', async () => {
      const response = await world.fetch('/dav/', { method: 'PROPFIND', headers: { Depth: '1' } })
      expect(response.status).toBe(207)
      const hrefs = [...(await response.text()).matchAll(/<D:href>([^<]*)/g)].map(([, href = '']) => href)
      expect(hrefs).toEqual(expect.arrayContaining(['/dav/', '/dav/file1.txt', '/dav/folder/']))
      expect(hrefs.filter((href) => href.includes('file2.txt'))).toEqual([
        ...['/dav/file2.txt', '/dav/file2.txt.server1', '/dav/file2.txt.server2'],
      ])
      expect((await world.fetch('/dav/file2.txt')).status).toBe(409)
      expect(String(await readBytes(await world.fetch('/dav/file2.txt.server2')))).toBe('two')
    })

    it('keep serving after a client leaves in the middle of an answer', async () => {
      for (let i = 0; i < 5; i++) {
        const left = await world.fetch('/files/same-1500007.bin')
        const reader = left.body?.getReader()
        await reader?.read()
        await reader?.cancel()
      }
      await expectFile('/files/file1.txt', 'same', UNANIMOUS, BOTH)
    })

    it('serve others while a client reads nothing of its answer', async () => {
      const stalled = await Promise.all([1, 2, 3, 4].map(() => world.fetch('/files/same-1500007.bin')))
      await expectFile('/files/same-1500007.bin', makeBytes(1_500_007), UNANIMOUS, BOTH)
      await expectConflict('/files/file2.txt', 'one', 'two')
      await Promise.all(stalled.map((response) => response.body?.cancel()))
    })
  })

  describe('two servers, one of them unreachable', () => {
    let world: World
    beforeAll(async () => {
      world = await start(TWO)
      await world.stop('server2')
    })
    afterAll(() => world.close())

    it.each(['file1.txt', 'file2.txt', 'file3.txt'])(
      'send %s, degraded, naming the replica that did not answer',
      async (name) => {
        const response = await world.fetch(`/files/${name}`)
        expect(response.status).toBe(200)
        expect(response.headers.get('Replica-Agreement')).toBe('degraded;answered=1;of=2')
        expect(readStates(response.headers)).toMatch(
          /^server1;state=match, server2;state=error;error=[a-z_]+$/,
        )
        expect(hash(await readBytes(response)).field).toBe(response.headers.get('Repr-Digest'))
      },
    )

    it.each(['file4.txt', 'file5.txt'])('answer 503 for %s, never 404', async (name) => {
      const response = await world.fetch(`/files/${name}`)
      expect(response.status).toBe(503)
      expect(response.headers.get('Retry-After')).toMatch(/^\d+$/)
      expect(response.headers.get('Replica-Agreement')).toBe('unknown;answered=1;of=2')
      expect(await readProblem(response)).toMatchObject({ type: 'existence-unknown', agreement: 'unknown' })
    })

    it('answer 503 when all are required to answer', async () => {
      const response = await world.fetch('/files/file1.txt?require=all')
      expect(response.status).toBe(503)
      expect(await readProblem(response)).toMatchObject({ type: 'too-few-answers' })
    })

    it('never reveal the address of the replica that did not answer', async () => {
      const text = await (await world.fetch('/files/file5.txt')).text()
      expect(text).not.toMatch(/127\.0\.0\.1|localhost|https?:/)
    })
  })

  describe('three servers with two versions', () => {
    let world: World
    beforeAll(async () => {
      world = await start({
        server1: { 'file.txt': 'old', 'two.txt': 'a' },
        server2: { 'file.txt': 'new', 'two.txt': 'b' },
        server3: { 'file.txt': 'old' },
      })
    })
    afterAll(() => world.close())

    it('send one part for each version, and name its holders', async () => {
      const response = await world.fetch('/files/file.txt', MULTIPART)
      const [manifest, ...versions] = await readParts(response)
      expect(JSON.parse(String(manifest?.content)).versions).toMatchObject([
        { digest: hash('old').hex, size: 3, replicas: ['server1', 'server3'] },
        { digest: hash('new').hex, size: 3, replicas: ['server2'] },
      ])
      expect(versions.map(({ content }) => String(content))).toEqual(['old', 'new'])
      const fields = versions.map(({ headers }) => Object.fromEntries(headers))
      expect(fields).toMatchObject([
        {
          'content-disposition': 'attachment; filename="server1_version.txt"',
          'repr-digest': hash('old').field,
        },
        {
          'content-disposition': 'attachment; filename="server2_version.txt"',
          'repr-digest': hash('new').field,
        },
      ])
      expect(readStates(versions[0]?.headers)).toBe(
        `server1;state=match, server2;state=differ;version="${hash('new').hex}", server3;state=match`,
      )
    })

    it('are in conflict with the file missing on any replica', async () => {
      const response = await world.fetch('/files/two.txt')
      expect(response.status).toBe(409)
      const { versions, replicas } = await readProblem(response)
      expect(versions).toHaveLength(2)
      expect(replicas).toMatchObject([
        { state: 'differ' },
        { state: 'differ' },
        { id: 'server3', state: 'missing' },
      ])
    })

    it('are in conflict with any replica silent', async () => {
      await world.stop('server3')
      const response = await world.fetch('/files/file.txt')
      expect(response.status).toBe(409)
      expect(response.headers.get('Replica-Agreement')).toBe('conflict;answered=2;of=3')
      await response.body?.cancel()
    })
  })
}
