import { afterEach, expect, it, vi } from 'vitest'
import { toBytes } from '../suite/set-up.suite.ts'
import { expectTrouble } from '../suite/suite-tools.suite.ts'
import { ask, createRecording } from './lists.suite.ts'
import { createWebListSource } from './web-list-source.ts'

vi.mock('../../wire/limits.ts', async (load) => ({ ...(await load<object>()), MAX_LIST_BYTES: 1000 }))

afterEach(() => void vi.useRealTimers())

const A = 'a'.repeat(64)
const LIST = `${A}  a\n`
const OLD = { 'Last-Modified': 'Wed, 01 Jan 2025 00:00:00 GMT', Date: 'Thu, 01 Jan 2026 00:00:00 GMT' }

/** A list on a server of these answers by path, and what it was asked for. */
function serve(
  answers: Record<string, () => Response | Promise<Response>>,
  url = 'https://web.test/d/SHA256SUMS',
) {
  const asked: { readonly path: string; readonly headers: Record<string, string> }[] = []
  const fetch = async (url: string, { headers }: { readonly headers: Record<string, string> }) => {
    const { pathname } = new URL(url)
    asked.push({ path: pathname, headers })
    return answers[pathname]?.() ?? new Response('', { status: 404 })
  }
  return { storage: createRecording(createWebListSource(url, { fetch })), asked }
}

it('a list is read by GET, with its time', async () => {
  const { storage, asked } = serve({ '/d/SHA256SUMS': () => new Response(LIST, { headers: OLD }) })
  expect(await ask(storage, ['a', 'b'])).toEqual([A, null])
  expect(await storage.readRecord()).toMatchObject({ names: 1, modified: Date.UTC(2025, 0, 1) })
  expect(asked[0]?.headers).toMatchObject({ 'Accept-Encoding': 'identity', 'Cache-Control': 'no-cache' })
})

it.each<[string, Record<string, string>, Record<string, string>]>([
  ['a strong ETag', { ...OLD, ETag: '"x"' }, { 'If-None-Match': '"x"' }],
  ['a time long ago', OLD, { 'If-Modified-Since': OLD['Last-Modified'] }],
])('by %s a list that is the same is not sent again', async (_what, fields, expected) => {
  let isChanged = false
  const send = () =>
    isChanged ? new Response(LIST.replaceAll('a', 'b')) : new Response(null, { status: 304 })
  let first = true
  const { storage, asked } = serve({
    '/d/SHA256SUMS': () => {
      if (!first) return send()
      first = false
      return new Response(LIST, { headers: fields })
    },
  })
  expect(await ask(storage, ['a'])).toEqual([A])
  expect(await ask(storage, ['a'])).toEqual([A])
  expect(asked[1]?.headers).toMatchObject(expected)
  isChanged = true
  expect(await ask(storage, ['a', 'b'])).toEqual([null, 'b'.repeat(64)])
})

it.each<[string, Record<string, string>]>([
  ['a weak ETag', { ...OLD, ETag: 'W/"x"' }],
  ['a time of this moment', { 'Last-Modified': OLD.Date, Date: OLD.Date }],
  ['nothing', {}],
])('by %s it is, since a change might not show', async (_what, headers) => {
  const { storage, asked } = serve({ '/d/SHA256SUMS': () => new Response(LIST, { headers }) })
  for (let i = 0; i < 2; i++) expect(await ask(storage, ['a'])).toEqual([A])
  expect(Object.keys(asked[1]?.headers ?? {}).filter((field) => field.startsWith('If-'))).toEqual([])
})

it.each<[string, () => Response, 'unreachable' | 'unreadable']>([
  ['a missing list', () => new Response('', { status: 404 }), 'unreachable'],
  ['a server that fails', () => new Response('', { status: 503 }), 'unreachable'],
  ['a redirect', () => new Response('', { status: 302, headers: { Location: '/other' } }), 'unreadable'],
  ['a refusal', () => new Response('', { status: 403 }), 'unreadable'],
  ['an answer of a cache', () => new Response(LIST, { headers: { Age: '7' } }), 'unreadable'],
  ['an encoded answer', () => new Response(LIST, { headers: { 'Content-Encoding': 'gzip' } }), 'unreadable'],
  ['a list over the limit', () => new Response(LIST.repeat(20)), 'unreadable'],
  [
    'an announced length over the limit',
    () => new Response(LIST, { headers: { 'Content-Length': '1001' } }),
    'unreadable',
  ],
  [
    'a list that breaks off',
    () => new Response(LIST, { headers: { 'Content-Length': '100' } }),
    'unreachable',
  ],
  ['an answer to another question', () => new Response(null, { status: 304 }), 'unreachable'],
])('%s never looks empty, and no message names the address', async (_what, answer, code) => {
  const { storage } = serve({ '/d/SHA256SUMS': answer })
  await expectTrouble(storage.describe(['b'])[0], code)
  await expectTrouble(storage.list(), code)
  await expect(storage.list()).rejects.not.toThrow(/web\.test|SHA256SUMS/)
})

it('a manifest of a bag is read with the files beside it', async () => {
  const { storage, asked } = serve(
    {
      '/d/manifest-sha256.txt': () => new Response(`${A} data/a%0A\n`),
      '/d/bagit.txt': () => new Response('BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n'),
    },
    'https://web.test/d/manifest-sha256.txt',
  )
  expect(await ask(storage, ['data/a\n'])).toEqual([A])
  expect(asked.map(({ path }) => path)).toEqual([
    ...[
      '/d/manifest-sha256.txt',
      '/d/bagit.txt',
      '/d/bag-info.txt',
      '/d/fetch.txt',
      '/d/tagmanifest-sha256.txt',
    ],
  ])
})

it.each([{}, { ...OLD, ETag: '"x"' }])(
  'a file beside a manifest that changes is seen: %o',
  async (fields) => {
    let oxum = '1.1'
    const manifest = new Response(null, { status: 304 })
    const { storage, asked } = serve(
      {
        '/d/manifest-sha256.txt': () =>
          asked.at(-1)?.headers['If-None-Match'] === undefined
            ? new Response(`${A} data/a\n`, { headers: fields })
            : manifest,
        '/d/bagit.txt': () => new Response('BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n'),
        '/d/bag-info.txt': () => new Response(`Payload-Oxum: ${oxum}\n`),
      },
      'https://web.test/d/manifest-sha256.txt',
    )
    for (let i = 0; i < 2; i++) expect(await ask(storage, ['data/a', 'data/b'])).toEqual([A, null])
    oxum = '2.2'
    expect(await ask(storage, ['data/a', 'data/b'])).toEqual([A, expect.stringContaining('Payload-Oxum')])
  },
)

it.each<[string, () => Response | Promise<Response>]>([
  ['sends nothing', () => new Promise<Response>(() => {})],
  [
    'stops within the list',
    () => new Response(new ReadableStream({ start: (to) => to.enqueue(toBytes(LIST)) })),
  ],
])('a server that once %s is asked again', async (_what, stall) => {
  vi.useFakeTimers()
  let isStalled = true
  const { storage } = serve({ '/d/SHA256SUMS': () => (isStalled ? stall() : new Response(LIST)) })
  const said = expectTrouble(storage.describe(['a'])[0], 'unreachable')
  await vi.advanceTimersByTimeAsync(10_000)
  await said
  isStalled = false
  expect(await ask(storage, ['a', 'b'])).toEqual([A, null])
})
