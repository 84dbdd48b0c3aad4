import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { get, type IncomingMessage, request } from 'node:http'
import { Log, LogLevel, Miniflare } from 'miniflare'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MAX_R2_PUT_BYTES } from '../runtime/workers/limits.ts'
import { bundle } from './bundle.ts'
import { toWorker } from './replicas.ts'
import { passOutputOn } from './runtime-output.ts'

const MIB = 1024 ** 2
/** How large the file is; 0 when it is not asked for: 5 take a quarter of an hour, and 10 GiB of disk. */
const GIB = Number(process.env['VOUCH_R2_GIB'] ?? 0)
const SIZE = GIB * 1024 ** 3
/**
 * What workerd may hold at its peak, whatever the size: five isolates in one process, that of the simulated bucket among
 * them, come to half of that after some GiB, and to no more after ten.
 */
const MAX_MEMORY_KIB = 1024 * 1024
const TOKEN = 'a-token-that-nobody-guesses'

/** Makes an object of parts, which no single upload could hold, and of which no digest is kept. */
const MAKER = `export default {
  async fetch(request, { FILES }) {
    const { searchParams } = new URL(request.url)
    const size = Number(searchParams.get('size')), part = 512 * 1024 ** 2
    const upload = await FILES.createMultipartUpload('made.bin')
    const parts = []
    for (let at = 0; at < size; at += part) {
      const length = Math.min(part, size - at)
      const { readable, writable } = new FixedLengthStream(length)
      const fill = async () => {
        const writer = writable.getWriter()
        for (let left = length; left > 0; left -= 1024 ** 2) await writer.write(new Uint8Array(Math.min(left, 1024 ** 2)))
        await writer.close()
      }
      const [uploaded] = await Promise.all([upload.uploadPart(parts.length + 1, readable), fill()])
      parts.push(uploaded)
    }
    await upload.complete(parts)
    return new Response('made')
  },
}`

if (GIB === 0)
  console.warn('NOT TESTED without VOUCH_R2_GIB=5: a file of 5 GiB through R2, in each direction')

describe.skipIf(GIB === 0)(`a file of ${GIB} GiB`, { timeout: 3_600_000 }, () => {
  let miniflare: Miniflare
  beforeAll(async () => {
    const replica = await bundle('runtime/workers/replica.ts')
    const coordinator = await bundle('runtime/workers/coordinator.ts')
    const r2Buckets = { FILES: 'files' }
    const unsafeDirectSockets = [{ host: '127.0.0.1', port: 0 }]
    miniflare = new Miniflare({
      host: '127.0.0.1',
      cf: false,
      telemetry: { enabled: false },
      log: new Log(LogLevel.NONE),
      handleRuntimeStdio: passOutputOn,
      workers: [
        {
          ...toWorker('coordinator', coordinator),
          bindings: {
            REPLICAS: 'bound=r2://FILES,served=service://SERVED',
            OPEN: 'true',
            TOKEN_SERVED: TOKEN,
          },
          serviceBindings: { SERVED: 'replica' },
          ...{ r2Buckets, unsafeDirectSockets },
        },
        {
          ...toWorker('replica', replica),
          bindings: { STORAGE: 'r2://FILES', TOKEN, WRITABLE: 'true' },
          ...{ r2Buckets, unsafeDirectSockets },
        },
        { ...toWorker('maker', MAKER), r2Buckets, unsafeDirectSockets },
      ],
    })
    await miniflare.ready
  })
  afterAll(() => miniflare.dispose())

  const toUrl = async (worker: string) => (await miniflare.unsafeGetDirectURL(worker)).origin

  it('is written to a bucket, in one upload, with flat memory', async () => {
    const size = Math.min(SIZE, MAX_R2_PUT_BYTES)
    const digest = hashZeros(size)
    expect(await upload(`${await toUrl('replica')}/files/written.bin`, size, digest)).toBe(201)
    const { headers, ...read } = await download(`${await toUrl('coordinator')}/files/written.bin`)
    expect(headers['replica-agreement']).toBe('unanimous;answered=2;of=2')
    expect(read).toEqual({ size, digest })
    await expectFlatMemory('written and read')
  })

  it('of which the bucket keeps no digest is hashed and read from it, with flat memory', async () => {
    expect(await (await fetch(`${await toUrl('maker')}/?size=${SIZE}`)).text()).toBe('made')
    const { headers, ...read } = await download(`${await toUrl('coordinator')}/files/made.bin`)
    expect(headers['replica-agreement']).toBe('unanimous;answered=2;of=2')
    expect(read).toEqual({ size: SIZE, digest: hashZeros(SIZE) })
    await expectFlatMemory('made, hashed by two and read')
  })
})

const ZEROS = new Uint8Array(MIB)

function* readZeros(size: number): Generator<Uint8Array> {
  for (let left = size; left > 0; left -= ZEROS.length) yield ZEROS.subarray(0, Math.min(left, ZEROS.length))
}

function hashZeros(size: number): string {
  const hash = createHash('sha256')
  for (const chunk of readZeros(size)) hash.update(chunk)
  return hash.digest('base64')
}

/** The status that a PUT of so many zeros is answered with. */
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

async function expectFlatMemory(what: string): Promise<void> {
  const peaks = await readPeaks().catch(() => null)
  if (peaks === null || peaks.length === 0) {
    return console.warn('NOT TESTED, the memory of workerd: there is no /proc to read its peak from')
  }
  console.log(`${GIB} GiB ${what}: workerd holds at most ${Math.max(...peaks)} KiB`)
  expect(Math.max(...peaks)).toBeLessThan(MAX_MEMORY_KIB)
}

/** The greatest resident memory so far, in KiB, of each workerd that this process has started. */
async function readPeaks(): Promise<number[]> {
  const children = await readFile(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8')
  const all = await Promise.all(
    children
      .trim()
      .split(' ')
      .map((pid) => readFile(`/proc/${pid}/status`, 'utf8')),
  )
  const ours = all.filter((status) => /^Name:\s+workerd$/m.test(status))
  return ours.map((status) => Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]))
}
