import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, expect, it, vi } from 'vitest'
import { createCoordinator } from '../../../functions/coordinator/coordinator.ts'
import { createReplica } from '../../../functions/replica/replica.ts'
import { createMemoryStorage } from '../../../functions/storage/memory.ts'
import type { Storage } from '../../../functions/storage/storage.ts'
import { MAX_APPLIED, MAX_REQUESTS_UNDER_WAY } from '../../../functions/wire/limits.ts'
import { createHasher } from '../hasher.ts'
import { type Served, serve } from './serve.ts'

// Clients that leave before they have their answer, at servers on sockets.

vi.mock('../../../functions/wire/limits.ts', async (load) => ({
  ...(await load<object>()),
  MAX_REQUESTS_UNDER_WAY: 64,
}))

const open: Served[] = []

afterEach(async () => {
  for (const served of open.splice(0)) {
    served.close()
    await served.close()
  }
})

async function start(fetch: (request: Request) => Response | Promise<Response>): Promise<Served> {
  const served = await serve(fetch, { host: '127.0.0.1', port: 0 })
  open.push(served)
  return served
}

/** Sends the head of a request, and disconnects once `isTaken` resolves. */
async function leave(served: Served, head: string, isTaken: Promise<unknown>): Promise<void> {
  const socket = connect(served.port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write(`${head} HTTP/1.1\r\nHost: localhost\r\n`)
  socket.write('Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{')
  await isTaken
  socket.destroy()
  await once(socket, 'close')
}

it('the signal of a request whose client left is aborted with an Error', async () => {
  const asked = Promise.withResolvers<Request>()
  const served = await start((request) => {
    asked.resolve(request)
    return new Promise(() => {})
  })
  const left = leave(served, 'GET /', asked.promise)
  const { signal } = await asked.promise
  await once(signal, 'abort')
  await left
  expect(signal.reason).toBeInstanceOf(Error)
})

it('a replica whose clients leave while their file is hashed continues to answer', async () => {
  let hashing = 0
  const memory = createMemoryStorage({ a: '1' })
  const slow: Storage = {
    ...memory,
    open(name, options = {}) {
      if (name !== 'slow') return memory.open(name, options)
      hashing++
      // As a directory does: it rejects with the reason of the signal.
      return new Promise((_, reject) =>
        options.signal?.addEventListener('abort', () => reject(options.signal?.reason)),
      )
    },
  }
  const served = await start(createReplica(slow).fetch)
  const taken = Promise.withResolvers<void>()
  const heads = Array.from({ length: MAX_REQUESTS_UNDER_WAY }, () => 'GET /files/slow')
  const leavers = heads.map((head) => leave(served, head, taken.promise))
  await expect.poll(() => hashing).toBe(MAX_REQUESTS_UNDER_WAY)
  taken.resolve()
  await Promise.all(leavers)
  await expect.poll(async () => (await fetch(`${served.url}/files/a`)).status).toBe(200)
})

it('a coordinator to which plans were sent that broke off continues to apply plans', async () => {
  const replicas = ['a', 'b'].map((id) => ({ id, storage: createMemoryStorage() }))
  const app = createCoordinator(replicas, { createHasher, writable: true })
  let asked = Promise.withResolvers<void>()
  const served = await start((request) => {
    asked.resolve()
    return app.fetch(request)
  })
  for (let i = 0; i < MAX_APPLIED; i++) {
    asked = Promise.withResolvers()
    await leave(served, 'POST /apply', asked.promise)
  }
  const apply = () =>
    fetch(`${served.url}/apply`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ vouch: 'plan', version: 1, replicas: ['a', 'b'], steps: [] }),
    })
  await expect.poll(async () => (await apply()).status).toBe(200)
})

it('a replica frees the surveys of clients that leave between two lines', async () => {
  let underWay = 0
  const said = { size: 1, digest: 'a'.repeat(64), modified: null, evidence: 'read', age: 0 } as const
  const storage: Storage = {
    ...createMemoryStorage(),
    async *survey() {
      underWay++
      try {
        for (let i = 0; ; i++) yield { name: `name ${i}`.padEnd(1000, 'x'), said }
      } finally {
        underWay--
      }
    },
  }
  const served = await start(createReplica(storage).fetch)
  const survey = JSON.stringify({
    ranges: [{ after: '', until: null }],
    prefix: '',
    grain: 0,
    maxAge: null,
    match: [],
    exclude: [],
  })
  for (let i = 0; i < 3; i++) {
    const abort = new AbortController()
    const answer = await fetch(`${served.url}/survey`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: survey,
      signal: abort.signal,
    })
    expect(answer.status).toBe(200)
    await answer.body?.getReader().read()
    abort.abort()
  }
  await expect.poll(() => underWay).toBe(0)
})
