import { expect, it, vi } from 'vitest'
import { createReplica } from '../replica/replica.ts'
import { createMemoryStorage } from '../storage/memory.ts'
import { createAnswer } from './answer.ts'
import { createApp } from './app.ts'
import { createBudget } from './overload.ts'

const MIB = 1024 * 1024

vi.mock('../wire/limits.ts', async (load) => ({
  ...(await load<object>()),
  MAX_STREAMED_BYTES: 2 * 1024 * 1024,
  MAX_RECEIVED_BYTES: 1024 * 1024,
}))

it('a budget counts what work holds until it ends, however it ends', async () => {
  const budget = createBudget(10)
  const { promise, reject } = Promise.withResolvers<void>()
  const held = budget.hold(async (set) => {
    set(9)
    set(7)
    await promise
  })
  expect([budget.hasRoom(3), budget.hasRoom(4)]).toEqual([true, false])
  reject('broken off')
  await held.catch(() => {})
  expect(budget.hasRoom(10)).toBe(true)
})

it('an app whose streams use the whole budget answers 503, except small answers, until one of them ends', async () => {
  const app = createApp({})
  const toChunk = () =>
    new ReadableStream({ pull: (c) => c.enqueue(new Uint8Array(MIB)) }, { highWaterMark: 0 })
  app.get('/large', () => createAnswer(200, {}, toChunk()))
  app.get('/small', () => createAnswer(200, {}, new Uint8Array(3)))
  const readers = await Promise.all([1, 2].map(async () => (await app.request('/large')).body?.getReader()))
  for (const reader of readers) await reader?.read()
  const refused = await app.request('/large')
  expect([refused.status, refused.headers.get('Retry-After')]).toEqual([503, '1'])
  expect((await app.request('/small')).status).toBe(200)
  await readers[0]?.cancel()
  expect((await app.request('/large')).status).toBe(200)
})

it('an app whose large answers from memory use the whole budget answers 503 until one of them is received', async () => {
  const app = createApp({})
  const bytes = crypto.getRandomValues(new Uint8Array(65_536)).subarray(0, 60_000)
  const whole = new Uint8Array(MIB)
  for (let at = 0; at + bytes.length < MIB; at += bytes.length) whole.set(bytes, at)
  app.get('/whole', () => createAnswer(200, { 'Content-Length': String(MIB) }, whole))
  const first = await app.request('/whole')
  expect((await app.request('/whole')).status).toBe(503)
  expect(first.headers.get('Content-Length')).toBe(String(MIB))
  expect(new Uint8Array(await first.arrayBuffer()).every((byte, i) => byte === whole[i])).toBe(true)
  const second = await app.request('/whole')
  expect(second.status).toBe(200)
  await second.body?.cancel()
  for (let i = 0; i < 3; i++) expect((await app.request('/whole', { method: 'HEAD' })).status).toBe(200)
  expect((await app.request('/whole')).status).toBe(200)
})

it('a server whose request bodies use the whole budget answers 503 until one of them is received', async () => {
  const app = createReplica(createMemoryStorage())
  const text = JSON.stringify({ names: ['a'] }).padEnd(900_000)
  const ask = (body: ReadableStream | string) =>
    app.request('/describe', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body,
      ...{ duplex: 'half' },
    })
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
  const writer = writable.getWriter()
  const first = ask(readable)
  await writer.write(new TextEncoder().encode(text))
  await expect.poll(async () => (await ask(new Blob([text]).stream())).status).toBe(503)
  expect((await ask(JSON.stringify({ names: ['a'] }))).status).toBe(200)
  await writer.close()
  expect((await first).status).toBe(200)
  expect((await ask(new Blob([text]).stream())).status).toBe(200)
})
