import { Miniflare } from 'miniflare'
import { afterEach, describe, expect, it } from 'vitest'
import { openBucket } from '../../emulator/bucket.ts'
import { bundle } from '../../emulator/bundle.ts'
import { toWorker } from '../../emulator/replicas.ts'
import { RUNTIME } from '../../emulator/runtime-output.ts'
import { fromBytes, toStream } from '../../functions/bytes/chunks.ts'
import { createRemoteStorage } from '../../functions/storage/remote/remote.ts'
import type { WritableStorage } from '../../functions/storage/storage.ts'
import { toBytes } from '../../functions/storage/suite/set-up.suite.ts'
import { readStates } from '../../functions/storage/suite/states.suite.ts'
import { describeOne, expectTrouble, toPut } from '../../functions/storage/suite/suite-tools.suite.ts'
import { MAX_NAME_BYTES } from '../../functions/wire/limits.ts'

const TOKEN = 'a-token-that-nobody-guesses'
const COORDINATOR = 'runtime/workers/coordinator.ts'
const REPLICA = 'runtime/workers/replica.ts'
const AUDIT = 'runtime/workers/audit/audit.ts'
const OF_AUDIT = { REPLICAS: 'a=https://a.example,b=https://b.example', OPEN: 'true' }

let running: Miniflare | undefined
afterEach(async () => {
  await running?.dispose()
  running = undefined
})

interface WorkerBindings {
  readonly bindings?: Record<string, string>
  readonly r2Buckets?: Record<string, string>
  readonly durableObjects?: Record<string, { className: string; scriptName?: string; useSQLite: boolean }>
  readonly serviceBindings?: Record<string, string>
}

/** Starts Workers by their names; the first receives the requests. */
async function start(workers: Record<string, WorkerBindings & { entry: string }>): Promise<Miniflare> {
  const options = Object.entries(workers).map(async ([name, { entry, ...bindings }]) => ({
    ...toWorker(name, await bundle(entry)),
    ...bindings,
    unsafeDirectSockets: [{ host: '127.0.0.1', port: 0 }],
  }))
  running = new Miniflare({
    ...RUNTIME,
    workers: await Promise.all(options),
  })
  return running
}

async function openStorage(miniflare: Miniflare, worker: string, token?: string): Promise<WritableStorage> {
  const { origin } = await miniflare.unsafeGetDirectURL(worker)
  return createRemoteStorage(origin, token === undefined ? {} : { token: () => token })
}

async function put(storage: WritableStorage, name: string, text: string): Promise<unknown> {
  const bytes = toBytes(text)
  return await storage.put(name, toStream(fromBytes(bytes)), await toPut(bytes, null))
}

describe('a Worker that is configured wrongly', () => {
  it.each<[string, Record<string, string>, string]>([
    [AUDIT, OF_AUDIT, "LEDGER takes the Durable Object class 'AuditLedger'"],
    [AUDIT, { ...OF_AUDIT, LEDGER: 'text' }, "LEDGER takes the Durable Object class 'AuditLedger'"],
    [COORDINATOR, { REPLICAS: 'a=service://NOWHERE', OPEN: 'true' }, "bound to 'NOWHERE'"],
    [COORDINATOR, { REPLICAS: 'a=r2://NOWHERE', OPEN: 'true' }, "bound to 'NOWHERE'"],
    [COORDINATOR, { REPLICAS: 'a=r2://FILES' }, 'TOKEN'],
    [COORDINATOR, { REPLICAS: 'a=r2://FILES', TOKEN: 'short' }, 'TOKEN'],
    [COORDINATOR, { REPLICAS: 'a=r2://FILES', OPEN: 'true', TOKEN_A: 'short' }, 'TOKEN_A'],
    [COORDINATOR, { REPLICAS: 'a=r2://FILES', OPEN: 'yes' }, 'OPEN'],
    [COORDINATOR, { REPLICAS: 'a=r2://FILES', OPEN: 'true', WRITABLE: 'true' }, 'TOKEN'],
    [COORDINATOR, { REPLICAS: 'a=r2://FILES/../x', OPEN: 'true' }, 'folder'],
    [REPLICA, { OPEN: 'true' }, 'STORAGE'],
    [REPLICA, { STORAGE: 'r2://FILES' }, 'TOKEN'],
    [REPLICA, { STORAGE: 'r2://FILES', OPEN: 'true', WRITABLE: 'true' }, 'TOKEN'],
    [REPLICA, { STORAGE: 'disk://FILES', OPEN: 'true' }, 'FILES'],
  ])('answers every request with its error: %s %j', async (entry, bindings, variable) => {
    const miniflare = await start({ worker: { entry, bindings, r2Buckets: { FILES: 'files' } } })
    const response = await miniflare.dispatchFetch('http://x/files/a')
    expect(response.status).toBe(500)
    expect(response.headers.get('Content-Type')).toBe('application/problem+json')
    const problem = await response.json()
    expect(problem).toMatchObject({ type: 'internal-error', detail: expect.stringContaining(variable) })
    expect(JSON.stringify(problem)).not.toContain('short')
  })
})

describe('a replica Worker', () => {
  const r2Buckets = { FILES: 'files' }

  it('answers only clients with one of its tokens', async () => {
    const bindings = { STORAGE: 'r2://FILES', TOKEN: `${TOKEN}\nanother-token-of-16-letters` }
    const miniflare = await start({ replica: { entry: REPLICA, bindings, r2Buckets } })
    await (await openBucket(miniflare, 'FILES', 'replica')).put('a', 'content')
    for (const token of [undefined, 'not-the-token-that-is-right', `${TOKEN}x`, TOKEN.slice(0, -1)]) {
      const storage = await openStorage(miniflare, 'replica', token)
      await expectTrouble(describeOne(storage, 'a'), 'unreachable')
    }
    for (const token of [TOKEN, 'another-token-of-16-letters']) {
      const storage = await openStorage(miniflare, 'replica', token)
      expect(await describeOne(storage, 'a')).toMatchObject({ size: 7 })
      await expectTrouble(put(storage, 'b', 'x'), 'read-only')
    }
  })

  it('accepts writes from clients with a token, if it is configured to', async () => {
    const bindings = { STORAGE: 'r2://FILES', TOKEN, WRITABLE: 'true' }
    const miniflare = await start({ replica: { entry: REPLICA, bindings, r2Buckets } })
    await expectTrouble(put(await openStorage(miniflare, 'replica'), 'a', 'x'), 'unreachable')
    expect(await put(await openStorage(miniflare, 'replica', TOKEN), 'a', 'x')).toMatchObject({
      evidence: 'stored',
    })
  })

  it('over a folder of a bucket sees nothing outside it, and allows shorter names', async () => {
    const bindings = { STORAGE: 'r2://FILES/some/where', TOKEN, WRITABLE: 'true' }
    const miniflare = await start({ replica: { entry: REPLICA, bindings, r2Buckets } })
    const bucket = await openBucket(miniflare, 'FILES', 'replica')
    for (const key of ['some/where', 'some/wherever', 'some/where/a', 'b']) await bucket.put(key, 'x')
    const storage = await openStorage(miniflare, 'replica', TOKEN)
    expect((await storage.list()).entries.map(({ name }) => name)).toEqual(['a'])
    await put(storage, 'b', 'mine')
    const keys = (await bucket.list()).objects.map(({ key }) => key)
    expect(keys).toEqual(['b', 'some/where', 'some/where/a', 'some/where/b', 'some/wherever'])
    const long = `${'x/'.repeat(MAX_NAME_BYTES / 2 - 1)}xx`
    expect(await describeOne(storage, long)).toBeNull()
    expect(await storage.open(long)).toBeNull()
    await expectTrouble(put(storage, long, 'x'), 'unreadable')
  })

  it('remembers computed digests in a Durable Object, for later instances, so that no object is read twice', async () => {
    const Digests = { className: 'Digests', useSQLite: true }
    const bindings = { STORAGE: 'r2://FILES', OPEN: 'true' }
    const first = { entry: REPLICA, bindings, r2Buckets, durableObjects: { DIGESTS: Digests } }
    const durableObjects = { DIGESTS: { ...Digests, scriptName: 'first' } }
    const miniflare = await start({ first, second: { ...first, durableObjects } })
    const bucket = await openBucket(miniflare, 'FILES', 'first')
    const names = Array.from({ length: 50 }, (_, i) => `file${i}`)
    for (const name of names) await bucket.put(name, `content of ${name}`)
    const ask = async (worker: string, maxAge?: number) => {
      const storage = await openStorage(miniflare, worker)
      return await Promise.all(storage.describe(names, { maxAge }))
    }
    const read = await ask('first')
    expect(read.map((facts) => facts?.evidence)).toEqual(names.map(() => 'read'))
    const remembered = await ask('second')
    expect(remembered).toEqual(
      read.map((facts) => ({ ...facts, evidence: 'remembered', age: expect.any(Number) })),
    )
    await bucket.put('file7', 'changed')
    const after = await ask('second')
    expect(after.filter((facts) => facts?.evidence === 'read')).toEqual([after[7]])
    expect((await ask('second', 0)).map((facts) => facts?.evidence)).toEqual(names.map(() => 'read'))
  })

  it('says that a KV namespace does not do as DIGESTS', async () => {
    const bindings = { STORAGE: 'r2://FILES', OPEN: 'true', DIGESTS: 'no object' }
    const miniflare = await start({ replica: { entry: REPLICA, bindings, r2Buckets } })
    const response = await miniflare.dispatchFetch('http://x/files/a')
    expect([response.status, await response.text()]).toEqual([
      500,
      expect.stringContaining("DIGESTS takes the Durable Object class 'Digests'"),
    ])
  })
})

describe('a coordinator Worker', () => {
  it('sends each replica its own token, and no other', async () => {
    const replica = (token: string) => ({
      entry: REPLICA,
      bindings: { STORAGE: 'r2://FILES', TOKEN: token },
      r2Buckets: { FILES: 'files' },
    })
    const tokens = { nas: 'the-token-of-the-nas', 'my-box': 'the-token-of-my-box' }
    const miniflare = await start({
      coordinator: {
        entry: COORDINATOR,
        bindings: {
          REPLICAS: 'nas=service://NAS, my-box=service://BOX, other=service://OTHER',
          ...{ TOKEN, TOKEN_NAS: tokens.nas, TOKEN_MY_BOX: tokens['my-box'] },
        },
        serviceBindings: { NAS: 'nas', BOX: 'box', OTHER: 'box' },
      },
      nas: replica(tokens.nas),
      box: replica(tokens['my-box']),
    })
    await (await openBucket(miniflare, 'FILES', 'nas')).put('a', 'content')
    const { origin } = await miniflare.unsafeGetDirectURL('coordinator')
    expect((await fetch(`${origin}/files/a`)).status).toBe(401)
    const response = await fetch(`${origin}/files/a`, { headers: { Authorization: `Bearer ${TOKEN}` } })
    expect(readStates(response.headers)).toBe(
      'nas;state=match, my-box;state=match, other;state=error;error=http_request_denied',
    )
  })

  it('copies complete files from one replica to the other by a plan', async () => {
    const r2Buckets = { FILES: 'one' }
    const miniflare = await start({
      coordinator: {
        entry: COORDINATOR,
        bindings: { REPLICAS: 'one=r2://FILES,two=service://TWO', TOKEN, TOKEN_TWO: TOKEN, WRITABLE: 'true' },
        r2Buckets,
        serviceBindings: { TWO: 'two' },
      },
      two: {
        entry: REPLICA,
        bindings: { STORAGE: 'r2://FILES', TOKEN, WRITABLE: 'true' },
        r2Buckets: { FILES: 'two' },
      },
    })
    const large = new Uint8Array(3_000_000).fill(7)
    const one = await openBucket(miniflare, 'FILES', 'coordinator')
    const two = await openBucket(miniflare, 'FILES', 'two')
    await one.put('large', large)
    await one.put('both', 'new')
    await two.put('both', 'old')
    await two.put('only on two', 'x')
    const { origin } = await miniflare.unsafeGetDirectURL('coordinator')
    const init = (body: string) => ({
      method: 'POST',
      headers: { Authorization: `Bearer ${TOKEN}`, 'Content-Type': 'application/json' },
      body,
    })
    const asked = { prefix: '', match: [], exclude: [], rules: [{ prefix: '', policy: { keep: 'one' } }] }
    const plan = await (await fetch(`${origin}/plan`, init(JSON.stringify(asked)))).text()
    const applied = (await (await fetch(`${origin}/apply`, init(plan))).text()).trim().split('\n')
    expect(applied.map((line) => JSON.parse(line)).at(-1)).toMatchObject({ summary: { done: 3 } })
    const audit = await fetch(`${origin}/audit`, { headers: { Authorization: `Bearer ${TOKEN}` } })
    expect(JSON.parse((await audit.text()).trim()).summary).toMatchObject({
      agreement: 'unanimous',
      names: 3,
    })
    expect((await two.list()).objects.map(({ key }) => key)).toContainEqual(
      expect.stringMatching(/^\.vouch\/kept\/[0-9a-f]{64}\/both$/),
    )
  })
})
