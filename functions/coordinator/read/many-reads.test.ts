import { expect, it, test } from 'vitest'
import { createMemoryStorage } from '../../storage/memory.ts'
import type { Storage } from '../../storage/storage.ts'
import { hash, toBytes } from '../../storage/suite/set-up.suite.ts'
import { MAX_PIPELINES, MAX_READS_AHEAD, MAX_URL_BYTES } from '../../wire/limits.ts'
import type { RequestEntry } from '../../wire/log.ts'
import { StorageError } from '../../wire/storage-error.ts'
import { coordinate, refusing } from '../set-up.suite.ts'

type App = ReturnType<typeof coordinate>

const one = createMemoryStorage({ a: 'A', 'b c': 'B', odd: 'first', half: 'half', empty: '' })
const two = createMemoryStorage({ a: 'A', 'b c': 'B', odd: 'second', empty: '' })

async function post(app: App, body: unknown, query = '', fields: Record<string, string> = {}) {
  const headers = { 'Content-Type': 'application/json', ...fields }
  return await app.request(`/reads${query}`, { method: 'POST', headers, body: JSON.stringify(body) })
}

/** The responses of a pipeline whose bodies are text. */
function parse(text: string) {
  const responses = []
  for (let rest = text; rest !== ''; ) {
    const end = rest.indexOf('\r\n\r\n')
    const [first, ...lines] = rest.slice(0, end).split('\r\n')
    const fields = Object.fromEntries(lines.map((line) => line.split(/: (.*)/)))
    const from = end + 4
    const to = from + (first === 'HTTP/1.1 304 ' ? 0 : Number(fields['Content-Length']))
    responses.push({ first, fields, body: rest.slice(from, to) })
    rest = rest.slice(to)
  }
  return responses
}

async function read(...args: Parameters<typeof post>) {
  const response = await post(...args)
  expect(response.status).toBe(200)
  return parse(await response.text())
}

it('answers each name as a GET request, in order', async () => {
  const names = ['odd', 'a', 'nowhere', 'b c', 'half', '../a', 'empty', 'a']
  const app = coordinate([one, two])
  const response = await post(app, { names, have: { 'b c': await hash(toBytes('B')), a: '0'.repeat(64) } })
  expect(response.headers.get('Content-Type')).toBe('application/http')
  const responses = parse(await response.text())
  expect(responses.map(({ first, body }) => [first, body])).toEqual([
    ['HTTP/1.1 409 ', expect.stringContaining('"type":"conflict"')],
    ['HTTP/1.1 200 ', 'A'],
    ['HTTP/1.1 404 ', expect.stringContaining('"type":"not-found"')],
    ['HTTP/1.1 304 ', ''],
    ['HTTP/1.1 200 ', 'half'],
    ['HTTP/1.1 400 ', expect.stringContaining('"type":"invalid-name"')],
    ['HTTP/1.1 200 ', ''],
    ['HTTP/1.1 200 ', 'A'],
  ])
  const alone = await app.request('/files/half')
  for (const field of ['ETag', 'Repr-Digest', 'Replica-Status', 'Replica-Agreement', 'Content-Location'])
    expect([field, responses[4]?.fields[field]]).toEqual([field, alone.headers.get(field)])
  expect(responses[4]?.fields['Replica-Agreement']).toBe('incomplete;answered=2;of=2')
  expect(Object.keys(responses[4]?.fields)).not.toContain('Content-Security-Policy')
})

it('answers no names with nothing', async () => {
  expect(await read(coordinate([one]), { names: [] })).toEqual([])
})

it('passes on the query, the token, the preferences and the trace', async () => {
  const logged: RequestEntry[] = []
  const isAllowed = ({ headers }: Request) => headers.get('Authorization') === 'Bearer x'
  const app = coordinate([one, refusing], { isAllowed, log: (entry) => logged.push(entry) })
  const trace = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' }
  const fields = { Authorization: 'Bearer x', Prefer: 'handling=strict', ...trace }
  expect(await read(app, { names: ['a'] }, '?require=1', { Authorization: 'Bearer x' })).toMatchObject([
    { first: 'HTTP/1.1 200 ' },
  ])
  expect(await read(app, { names: ['a'] }, '?require=all', { Authorization: 'Bearer x' })).toMatchObject([
    { first: 'HTTP/1.1 503 ' },
  ])
  expect(await read(app, { names: ['a'] }, '', fields)).toMatchObject([{ first: 'HTTP/1.1 503 ' }])
  expect((await post(app, { names: ['a'] })).status).toBe(401)
  const reads = logged.filter(({ path }) => path.startsWith('/files/a'))
  expect(reads.map(({ status, agreement }) => [status, agreement])).toEqual([
    [200, 'degraded'],
    [503, 'degraded'],
    [503, 'degraded'],
  ])
  expect(reads[2]?.trace).toBe('0af7651916cd43dd8448eb211c80319c')
})

it('authorizes each file by itself', async () => {
  const isAllowed = ({ url }: Request) => !url.includes('/files/a')
  const responses = await read(coordinate([one, two], { isAllowed }), { names: ['a', 'b c'] })
  expect(responses.map(({ first }) => first)).toEqual(['HTTP/1.1 401 ', 'HTTP/1.1 200 '])
})

it('answers that a read failed unexpectedly, and the others', async () => {
  const bug = new Error('a bug')
  const logged: RequestEntry[] = []
  const storage: Storage = {
    ...one,
    async open(name, options) {
      if (name === 'a') throw bug
      return await one.open(name, options)
    },
  }
  const app = coordinate([storage], { log: (entry) => logged.push(entry) })
  const responses = await read(app, { names: ['a', 'b c'] })
  expect(responses.map(({ first }) => first)).toEqual(['HTTP/1.1 500 ', 'HTTP/1.1 200 '])
  expect(logged.find(({ path }) => path === '/files/a')).toMatchObject({ status: 500, error: bug })
})

it('answers each with the same problem when the query is not valid', async () => {
  const responses = await read(coordinate([one]), { names: ['a', 'b c'] }, '?require=many')
  expect(responses.map(({ body }) => JSON.parse(body).type)).toEqual([
    'invalid-parameter',
    'invalid-parameter',
  ])
})

it('refuses a file whose address with the query is too long', async () => {
  const query = `?other=${'1'.repeat(MAX_URL_BYTES - 500)}`
  const responses = await read(coordinate([one]), { names: ['a', 'é'.repeat(200)] }, query)
  expect(responses.map(({ first }) => first)).toEqual(['HTTP/1.1 200 ', 'HTTP/1.1 414 '])
})

it('sends small answers that are there together', async () => {
  const names = Array.from({ length: 20 }, (_, i) => `f${i}`)
  const storage = createMemoryStorage(Object.fromEntries(names.map((name) => [name, 'x'])))
  const app = coordinate([storage])
  // The contents are in memory from then on.
  await read(app, { names })
  const { body } = await post(app, { names })
  const sizes: number[] = []
  for await (const { length } of body ?? []) sizes.push(length)
  expect(sizes.length).toBeLessThan(names.length / 2)
})

test.each([
  ['{', 'not valid JSON'],
  ['{"names": "a"}', 'names'],
  ['{"names": [1]}', 'names[0]'],
  ['{"names": ["a"], "have": {"a": "x"}}', 'have.a'],
  [JSON.stringify({ names: Array.from({ length: 1025 }, () => 'a') }), '1,024'],
])('%.40s is refused', async (body, wrong) => {
  const headers = { 'Content-Type': 'application/json' }
  const response = await coordinate([one]).request('/reads', { method: 'POST', headers, body })
  expect([response.status, await response.json()]).toEqual([
    400,
    expect.objectContaining({ type: 'invalid-body', detail: expect.stringContaining(wrong) }),
  ])
})

const PIECE = new Uint8Array(100_000)
const PIECES = 6
const FACTS = {
  size: PIECES * PIECE.length,
  digest: await hash(new Uint8Array(PIECES * PIECE.length)),
  modified: 0,
  evidence: 'read',
  age: 0,
} as const

/** A storage of any file, large, which counts its open bodies. The body of `bad` breaks off. */
function createCounted() {
  let [described, open] = [0, 0]
  const storage: Storage = {
    ...createMemoryStorage(),
    describe: (names) =>
      names.map(async () => {
        described++
        return FACTS
      }),
    async open(name) {
      open++
      let sent = 0
      const body = new ReadableStream<Uint8Array>(
        {
          pull(controller) {
            if (sent === (name === 'bad' ? 5 : PIECES)) {
              open--
              if (name === 'bad') throw new StorageError('unreachable', 'gone')
              return controller.close()
            }
            controller.enqueue(PIECE.slice())
            sent++
          },
          cancel: () => void open--,
        },
        { highWaterMark: 0 },
      )
      return { facts: FACTS, body }
    },
  }
  return { storage, described: () => described, open: () => open }
}

it('begins only a few reads before it is read, and cancels them when the client leaves', async () => {
  const counted = createCounted()
  const names = Array.from({ length: 100 }, (_, i) => `f${i}`)
  const { body } = await post(coordinate([counted.storage]), { names })
  const reader = body?.getReader()
  await reader?.read()
  await expect.poll(counted.open).toBe(MAX_READS_AHEAD)
  expect(counted.described()).toBe(MAX_READS_AHEAD)
  await reader?.cancel()
  await expect.poll(counted.open).toBe(0)
  expect(counted.described()).toBe(MAX_READS_AHEAD)
})

it('breaks off where the content of a file does, and cancels the others', async () => {
  const counted = createCounted()
  const response = await post(coordinate([counted.storage]), { names: ['bad', 'a', 'b'] })
  await expect(response.text()).rejects.toThrow()
  await expect.poll(counted.open).toBe(0)
})

it('refuses more requests at once than leave room for others', async () => {
  const app = coordinate([createCounted().storage])
  const ask = () => post(app, { names: ['a'] })
  const asked = await Promise.all(Array.from({ length: MAX_PIPELINES }, ask))
  const refused = await ask()
  expect([refused.status, await refused.json()]).toMatchObject([503, { type: 'overloaded' }])
  for (const { body } of asked) await body?.cancel()
  const { status, body } = await ask()
  expect(status).toBe(200)
  await body?.cancel()
})
