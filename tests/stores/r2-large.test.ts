import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { get, type IncomingMessage, request } from 'node:http'
import { Miniflare, type WorkerOptions } from 'miniflare'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bundle } from '../../emulator/bundle.ts'
import { toBucketBinding, toWorker } from '../../emulator/replicas.ts'
import { RUNTIME } from '../../emulator/runtime-output.ts'
import { MAX_R2_PUT_BYTES } from '../../runtime/workers/limits.ts'
import { readPeakKib, readWorkerdProcesses } from './workerd-process.suite.ts'

const MIB = 1024 ** 2
/** The size of the file; 0 to skip the test: 5 take a quarter of an hour, and 10 GiB of disk. */
const GIB = Number(process.env['VOUCH_R2_GIB'] ?? 0)
/**
 * 5 GiB are 5 MiB less: what one upload takes. One of parts takes more, and the simulation breaks down
 * reading it.
 */
const SIZE = Math.min(GIB * 1024 ** 3, MAX_R2_PUT_BYTES)
/**
 * What the workerd of coordinator and replica may hold at its peak: a tenth of 5 GiB, most of it for V8 to
 * collect.
 */
const MAX_MEMORY_KIB = 512 * 1024
const TOKEN = 'a-token-that-nobody-guesses'

/** Makes an object without a kept digest. */
const MAKER = `export default {
  async fetch(request, { FILES }) {
    const size = Number(new URL(request.url).searchParams.get('size'))
    const { readable, writable } = new FixedLengthStream(size)
    const writer = writable.getWriter()
    const made = FILES.put('made.bin', readable)
    for (let left = size; left > 0; left -= 1024 ** 2) await writer.write(new Uint8Array(Math.min(left, 1024 ** 2)))
    await writer.close()
    await made
    return new Response('made')
  },
}`

if (GIB === 0)
  console.warn('NOT TESTED without VOUCH_R2_GIB=5: a file of 5 GiB through R2, in each direction')

describe.skipIf(GIB === 0)(`a file of ${GIB} GiB`, { timeout: 3_600_000 }, () => {
  // The simulation is in a process of its own: only the code that runs at Cloudflare is measured.
  let store: Miniflare
  let workers: Miniflare
  let others: readonly string[]
  beforeAll(async () => {
    store = start(createStore())
    const { host } = await store.unsafeGetDirectURL('store')
    others = await readWorkerdProcesses()
    workers = start(await createWorkers(host))
    await workers.ready
  })
  afterAll(async () => {
    await workers.dispose()
    await store.dispose()
  })

  const toUrl = async (miniflare: Miniflare, worker: string) =>
    (await miniflare.unsafeGetDirectURL(worker)).origin

  it('is written to a bucket, in one upload, with flat memory', async () => {
    const digest = hashZeros(SIZE)
    expect(await upload(`${await toUrl(workers, 'replica')}/files/written.bin`, SIZE, digest)).toBe(201)
    const { headers, ...read } = await download(`${await toUrl(workers, 'coordinator')}/files/written.bin`)
    expect(headers['replica-agreement']).toBe('unanimous;answered=2;of=2')
    expect(read).toEqual({ size: SIZE, digest })
    await expectFlatMemory(others, 'written and read')
  })

  it('without a digest in the bucket is hashed and read from it, with flat memory', async () => {
    expect(await (await fetch(`${await toUrl(store, 'maker')}/?size=${SIZE}`)).text()).toBe('made')
    const { headers, ...read } = await download(`${await toUrl(workers, 'coordinator')}/files/made.bin`)
    expect(headers['replica-agreement']).toBe('unanimous;answered=2;of=2')
    expect(read).toEqual({ size: SIZE, digest: hashZeros(SIZE) })
    await expectFlatMemory(others, 'made, hashed by two and read')
  })
})

function start(options: WorkerOptions[]): Miniflare {
  return new Miniflare({
    ...RUNTIME,
    workers: options,
  })
}

const SOCKETS = { unsafeDirectSockets: [{ host: '127.0.0.1', port: 0 }] }

/** The bucket, what fills it, and a way to it from another process. */
function createStore(): WorkerOptions[] {
  const pass = 'export default { fetch: (request, { STORE }) => STORE.fetch(request) }'
  const r2Buckets = { FILES: 'files' }
  const unsafeBindings = [toBucketBinding('STORE', 'r2:bucket:files', false)]
  return [
    { ...toWorker('store', pass), ...SOCKETS, r2Buckets, unsafeBindings },
    { ...toWorker('maker', MAKER), ...SOCKETS, r2Buckets },
  ]
}

/** A coordinator over the bucket at `address`, bound to it and by way of a replica. */
async function createWorkers(address: string): Promise<WorkerOptions[]> {
  const unsafeBindings = [toBucketBinding('FILES', 'store', true, address)]
  return [
    {
      ...toWorker('coordinator', await bundle('runtime/workers/coordinator.ts')),
      ...{ ...SOCKETS, unsafeBindings },
      bindings: { REPLICAS: 'bound=r2://FILES,served=service://SERVED', OPEN: 'true', TOKEN_SERVED: TOKEN },
      serviceBindings: { SERVED: 'replica' },
    },
    {
      ...toWorker('replica', await bundle('runtime/workers/replica.ts')),
      ...{ ...SOCKETS, unsafeBindings },
      bindings: { STORAGE: 'r2://FILES', TOKEN, WRITABLE: 'true' },
    },
  ]
}

const ZEROS = new Uint8Array(MIB)

function* readZeros(size: number): Generator<Uint8Array> {
  for (let left = size; left > 0; left -= ZEROS.length) yield ZEROS.subarray(0, Math.min(left, ZEROS.length))
}

function hashZeros(size: number): string {
  const hash = createHash('sha256')
  for (const chunk of readZeros(size)) hash.update(chunk)
  return hash.digest('base64')
}

/** The status of a PUT of so many zeros. */
async function upload(url: string, size: number, digest: string): Promise<number | undefined> {
  const outgoing = request(url, {
    method: 'PUT',
    headers: {
      Authorization: `Bearer ${TOKEN}`,
      'Content-Length': size,
      'Repr-Digest': `sha-256=:${digest}:`,
      'If-None-Match': '*',
    },
  })
  const answered = once(outgoing, 'response')
  for (const chunk of readZeros(size)) if (!outgoing.write(chunk)) await once(outgoing, 'drain')
  outgoing.end()
  const [response] = (await answered) as [IncomingMessage] // the event's only argument
  response.resume()
  return response.statusCode
}

async function download(url: string) {
  const [response] = (await once(get(url), 'response')) as [IncomingMessage] // as above
  const hash = createHash('sha256')
  let size = 0
  for await (const chunk of response) {
    hash.update(chunk)
    size += chunk.length
  }
  return { headers: response.headers, size, digest: hash.digest('base64') }
}

async function expectFlatMemory(others: readonly string[], what: string): Promise<void> {
  const pids = (await readWorkerdProcesses()).filter((pid) => !others.includes(pid))
  if (pids.length === 0) {
    return console.warn('NOT TESTED, the memory of workerd: there is no /proc to read its peak from')
  }
  const peak = Math.max(...(await Promise.all(pids.map(readPeakKib))))
  console.log(`${GIB} GiB ${what}: workerd holds at most ${peak} KiB`)
  expect(peak).toBeLessThan(MAX_MEMORY_KIB)
}
