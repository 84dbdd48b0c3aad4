import { describe, expect, it } from 'vitest'
import { createCoordinator } from '../../functions/coordinator/coordinator.ts'
import { createMemoryStorage } from '../../functions/storage/memory.ts'
import type { Storage } from '../../functions/storage/storage.ts'
import { toReprDigest } from '../../functions/wire/fields/fields.ts'
import { StorageError } from '../../functions/wire/storage-error.ts'
import {
  createStage,
  hash,
  sendProblem,
  startCoordinator,
  startScript,
  startServer,
  toFields,
} from '../../runtime/cli/stage.suite.ts'
import { createHasher } from '../../runtime/node/hasher.ts'

const MIB = 1024 * 1024

/** A storage that fails every call with `error`. */
function createFailing(error: StorageError): Storage {
  return { ...createMemoryStorage(), describe: (names) => names.map(() => Promise.reject(error)) }
}

const gone = new StorageError('unreachable', 'gone\x1b[2J', { reason: 'connection_refused' })

/** What a coordinator's answer with one copy carries, its state left out. */
function fieldsOf(content: string): Record<string, string> {
  const { 'Replica-Status': _, ...fields } = toFields(content)
  return fields
}

describe('vouch explain of a coordinator', () => {
  it('reports in words why a replica did not answer, and exits with 2', async () => {
    const copy = createMemoryStorage({ t: '1' })
    const flags = await startCoordinator({ a: copy, b: createFailing(gone), c: createMemoryStorage() })
    expect(await createStage().run(['explain', 't', ...flags])).toMatchObject({
      status: 2,
      stdout: expect.stringMatching(
        /^t: degraded\n {2}a {2}A .*\n {2}b {2}gone\\u\{1b\}\[2J\n {2}c {2}missing\nA: 1 of 3 /,
      ),
      stderr: 'vouch: t: no copy from b, for the reason given above; run it again when that is fixed\n',
    })
  })

  it('compares versions even if a replica that every read requires is silent', async () => {
    const flags = await startCoordinator(
      {
        a: createMemoryStorage({ t: 'x1' }),
        b: createMemoryStorage({ t: 'x2' }),
        c: createFailing(gone),
      },
      { require: 'all' },
    )
    const { status, stdout } = await createStage().run(['explain', 't', ...flags])
    expect([status, stdout]).toEqual([2, expect.stringContaining('\nB against A: the first byte')])
  })

  it('never reports unanimous when a copy changed after the comparison', async () => {
    const [a, b] = [createMemoryStorage({ t: 'same' }), createMemoryStorage({ t: 'same' })]
    const replicas = [
      { id: 'a', storage: a },
      { id: 'b', storage: b },
    ]
    const app = createCoordinator(replicas, { createHasher })
    const flags = await startServer(async (request) => {
      const response = await app.fetch(request)
      if (!request.url.includes('?')) b.set('t', 'other')
      return response
    })
    const { status, stdout } = await createStage().run(['explain', 't', ...flags])
    expect([status, stdout]).toEqual([1, expect.stringMatching(/^t: conflict\n/)])
  })

  it('compares again when a version vanishes before it is read, three times at most', async () => {
    const versions = new Map([
      ['a', 'one'],
      ['b', 'two'],
    ])
    let reads = 0
    const url = await startScript(({ url, method }, response) => {
      const id = new URL(url ?? '', 'http://x').searchParams.get('replica')
      const content = versions.get(id ?? '')
      if (content !== undefined) {
        response.writeHead(200, { ...toFields(content), 'Replica-Status': `${id};state=match` }).end()
      } else if (method === 'HEAD') {
        reads++
        response.writeHead(409, { 'Replica-Status': 'a;state=differ, b;state=differ' }).end()
      } else if (url?.includes(hash('one'))) response.writeHead(200, toFields('one')).end('one')
      else sendProblem(response, 404, {})
    })
    expect(await createStage().run(['explain', 't', '--coordinator', url])).toEqual({
      status: 2,
      stdout: '',
      stderr:
        'vouch: t: the copies changed each time they were compared; run it again when they are not being written\n',
    })
    expect(reads).toBe(3)
  })

  it('reports that every copy is corrupt, without advice to retry', async () => {
    const url = await startScript(({ url, method }, response) => {
      const id = new URL(url ?? '', 'http://x').searchParams.get('replica')
      const corrupt = (id: string) => `${id};state=corrupt;error=http_response_incomplete`
      response.setHeader('Replica-Status', id === null ? `${corrupt('a')}, ${corrupt('b')}` : corrupt(id))
      if (method === 'HEAD') response.writeHead(502).end()
      else sendProblem(response, 502, { detail: 'the bytes contradict their digest' })
    })
    const { status, stderr } = await createStage().run(['explain', 't', '--coordinator', url])
    expect([status, stderr]).toEqual([
      2,
      'vouch: t: corrupt on a, b: the bytes contradict their digest; replace each with a good copy\n',
    ])
  })

  it('requests the reasons of all failed copies at once, also of one that fails later', async () => {
    const asked: string[] = []
    const url = await startScript(({ url, method }, response) => {
      const id = new URL(url ?? '', 'http://x').searchParams.get('replica')
      asked.push(`${method} ${id}`)
      const states = {
        a: 'a;state=match',
        b: 'b;state=corrupt;error=http_response_incomplete',
        c: 'c;state=error;error=connection_timeout',
      }
      const status = new Map<string | null, string>(Object.entries(states)).get(id)
      response.setHeader('Replica-Status', status ?? `${states.a}, ${states.b}, c;state=match`)
      if (id === 'a') response.writeHead(200, fieldsOf('one'))
      if (method === 'HEAD') response.end()
      else sendProblem(response, 502, { detail: `words of ${id}` })
    })
    const { status, stdout, stderr } = await createStage().run(['explain', 't', '--coordinator', url])
    expect(stdout).toMatch(/^t: degraded\n {2}a {2}A .*\n {2}b {2}corrupt: words of b\n {2}c {2}words of c\n/)
    expect([status, stderr]).toEqual([
      2,
      'vouch: t: no copy from b, c, for the reason given above; run it again when that is fixed\n',
    ])
    expect(asked.toSorted()).toEqual(['GET b', 'GET c', 'HEAD a', 'HEAD c', 'HEAD null'])
  })

  it('accepts a copy that answers again, without reading its bytes', async () => {
    const closed = Promise.withResolvers<void>()
    const url = await startScript(({ url }, response) => {
      if (!url?.includes('?'))
        return void response.writeHead(503, { 'Replica-Status': 'a;state=error' }).end()
      const fields = { ...fieldsOf('one'), 'Content-Length': String(MIB), 'Replica-Status': 'a;state=match' }
      response.writeHead(200, fields).write('one')
      response.on('close', closed.resolve)
    })
    const { status, stdout } = await createStage().run(['explain', 't', '--single', '--coordinator', url])
    expect([status, stdout]).toEqual([0, expect.stringMatching(/^t: unanimous\n/)])
    await closed.promise
  })

  it('is an error when the coordinator cannot describe one copy', async () => {
    const url = await startScript(({ url, method }, response) => {
      const isCompared = !url?.includes('?')
      if (isCompared) response.writeHead(200, { 'Replica-Status': 'a;state=match' }).end()
      else if (method === 'HEAD') response.writeHead(503).end()
      else sendProblem(response, 503, { title: 'Too much', detail: 'ask again' })
    })
    const { status, stderr } = await createStage().run(['explain', 't', '--coordinator', url])
    expect([status, stderr]).toEqual([2, 'vouch: t: Too much: ask again\n'])
  })

  it('cancels the read of a large version when the other one vanishes', async () => {
    const closed: Promise<void>[] = []
    const url = await startScript(({ url, method }, response) => {
      const query = new URL(url ?? '', 'http://x').searchParams
      const digest = query.get('version') ?? hash(query.get('replica') ?? '')
      if (query.get('version') === hash('b')) return sendProblem(response, 404, {})
      const id = query.get('replica')
      const status = id === null ? 'a;state=differ, b;state=differ' : `${id};state=match`
      const fields = { ...toFields(''), 'Content-Length': String(8 * MIB), ETag: `"${digest}"` }
      response.writeHead(200, { ...fields, 'Repr-Digest': toReprDigest(digest), 'Replica-Status': status })
      if (method === 'HEAD') return void response.end()
      closed.push(new Promise((resolve) => response.on('close', resolve)))
      response.write('a')
    })
    const { status, stderr } = await createStage().run(['explain', 't', '--coordinator', url])
    expect([status, stderr]).toEqual([
      2,
      'vouch: t: the copies changed each time they were compared; run it again when they are not being written\n',
    ])
    await Promise.all(closed)
    expect(closed).toHaveLength(3)
  })

  it('reads no further than the first byte that differs', async () => {
    const size = 1024 * MIB
    const [x, y] = [hash('x'), hash('y')]
    let sent = 0
    const closed: Promise<void>[] = []
    const url = await startScript(({ url, method }, response) => {
      const query = new URL(url ?? '', 'http://x').searchParams
      const digest = query.get('version') ?? (query.get('replica') === 'a' ? x : y)
      const fields = { ...toFields(''), 'Content-Length': String(size), ETag: `"${digest}"` }
      const status = query.has('replica')
        ? `${query.get('replica')};state=match`
        : 'a;state=differ, b;state=differ'
      response.writeHead(200, { ...fields, 'Repr-Digest': toReprDigest(digest), 'Replica-Status': status })
      if (method === 'HEAD') return void response.end()
      closed.push(new Promise((resolve) => response.on('close', resolve)))
      const chunk = Buffer.alloc(65_536, digest === x ? 0xfe : 0xff)
      const send = () => {
        sent += chunk.length
        response.write(chunk, (error) => error ?? send())
      }
      send()
    })
    const { stdout } = await createStage().run(['explain', 't', '--coordinator', url])
    expect(stdout).toMatch(/B against A: the first byte that differs is at offset 0\n$/)
    await Promise.all(closed)
    expect([closed.length, sent < size / 4]).toEqual([2, true])
  })

  it.each([
    ['shorter than announced', { 'Content-Length': '2' }, 'tw', 'has 2 bytes instead of the announced 3'],
    ['longer than announced', { 'Content-Length': '4' }, 'twos', 'has 4 bytes instead of the announced 3'],
    ['without a length', { 'Content-Length': undefined }, 'two', "lacks a coordinator's fields"],
    ['cut off', { Connection: 'close' }, 'tw', 'the transfer broke off'],
    ['of another digest', {}, 'twe', 'contradict the announced digest'],
    ['another one than asked for', toFields('six'), 'six', 'another version'],
  ])('refuses a version that is %s', async (_what, fields, content, line) => {
    const url = await startScript(({ url, method }, response) => {
      const query = new URL(url ?? '', 'http://x').searchParams
      const id = query.get('replica')
      const held = query.get('version') === hash('four') || id === 'a' ? 'four' : 'two'
      const status = id === null ? 'a;state=differ, b;state=differ' : `${id};state=match`
      const isOdd = method === 'GET' && held === 'two'
      const own: Record<string, string | undefined> = { ...toFields(held), 'Replica-Status': status }
      const sent = Object.entries({ ...own, ...(isOdd ? fields : {}) }).filter(
        ([, value]) => value !== undefined,
      )
      response.writeHead(200, Object.fromEntries(sent) as Record<string, string>) // filtered just above
      response.end(method === 'HEAD' ? undefined : isOdd ? content : held)
    })
    const { status, stdout, stderr } = await createStage().run(['explain', 't', '--coordinator', url])
    expect([status, stdout, stderr]).toEqual([2, '', expect.stringContaining(line)])
  })

  it('prints the error of a coordinator that refuses', async () => {
    const flags = await startCoordinator({ a: createMemoryStorage() }, { isAllowed: () => false })
    const { status, stderr } = await createStage().run(['explain', 't', ...flags])
    expect([status, stderr]).toEqual([2, expect.stringMatching(/^vouch: t: .*carries no valid token.*\n$/)])
  })

  it('rejects a server that is not a coordinator', async () => {
    const url = await startScript((_, response) => response.end('hello'))
    const { status, stderr } = await createStage().run(['explain', 't', '--coordinator', url])
    expect([status, stderr]).toEqual([2, expect.stringContaining('is that URL a coordinator')])
  })
})
