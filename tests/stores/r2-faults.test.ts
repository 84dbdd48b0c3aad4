import { once } from 'node:events'
import { connect } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Emulator, startEmulator } from '../../emulator/emulator.ts'
import type { Fault } from '../../emulator/fault.ts'
import { MAX_AUDITS, MAX_OBJECTS_AT_ONCE } from '../../functions/wire/limits.ts'
import { createTemporaryDirectory } from '../../runtime/node/temporary-directory.suite.ts'
import { hash, makeBytes, readBytes, readProblem } from '../scenarios/world.suite.ts'

const BYTES = makeBytes(1_000_000)
const SMALL = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`small/${i}`, `content ${i}`]))

describe('a coordinator bound to one bucket of R2, and to a Worker over another', () => {
  let emulator: Emulator

  const { path: buckets, remove } = createTemporaryDirectory('vouch-buckets-')
  const start = () => startEmulator({ replicas: { server1: 'r2://one', server2: 'service://two' }, buckets })

  // No test writes to the buckets.
  beforeAll(async () => {
    emulator = await start()
    for (const id of ['server1', 'server2']) {
      const bucket = await emulator.openBucket(id)
      const files = Object.entries({ ...SMALL, 'large.bin': BYTES })
      await Promise.all(
        files.map(([name, content]) => bucket.put(name, content, { sha256: hash(content).hex })),
      )
    }
    await emulator.close()
  })
  afterAll(remove)

  // A coordinator remembers corrupt copies, so every test has its own.
  beforeEach(async () => {
    emulator = await start()
  })
  afterEach(() => emulator.close())

  async function getBytes(path: string): Promise<Buffer | null> {
    try {
      return await readBytes(await emulator.fetch(path))
    } catch {
      return null
    }
  }

  it.each<[string, Fault, string]>([
    ['server1', { type: 'down' }, 'destination_unavailable'],
    ['server1', { type: 'status', status: 500 }, 'destination_unavailable'],
    ['server2', { type: 'down' }, 'destination_unavailable'],
    ['server2', { type: 'status', status: 500 }, 'http_protocol_error'],
  ])(
    'answers degraded, and reports nothing as missing, when the binding of %s fails: %j',
    async (id, fault, reason) => {
      await emulator.setFault(id, fault)
      const response = await emulator.fetch('/files/large.bin')
      expect([response.status, response.headers.get('Replica-Agreement')]).toEqual([
        200,
        'degraded;answered=1;of=2',
      ])
      expect(response.headers.get('Replica-Status')).toContain(`${id};state=error;error=${reason}`)
      expect((await readBytes(response)).equals(BYTES)).toBe(true)
      const missing = await emulator.fetch('/files/missing')
      expect(missing.status).toBe(503)
      await readProblem(missing)
      const { summary } = JSON.parse((await (await emulator.fetch('/audit')).text()).trim())
      expect(summary).toMatchObject({ agreement: 'degraded', names: 101, agreements: { degraded: 101 } })
    },
  )

  it('fails with an answer, not an exception, when both bindings fail', async () => {
    for (const id of ['server1', 'server2']) await emulator.setFault(id, { type: 'down' })
    for (const path of ['/files/large.bin', '/files']) {
      const response = await emulator.fetch(path)
      expect(response.status).toBe(503)
      await readProblem(response)
    }
  })

  it.each<Fault>([{ type: 'cut', after: 0 }, { type: 'cut', after: 500_000 }, { type: 'wrong-bytes' }])(
    'never ends cleanly with bytes that contradict its digest when a bucket returns them: %j',
    async (fault) => {
      await emulator.setFault('server1', fault)
      for (let i = 0; i < 2; i++) {
        const bytes = await getBytes('/files/large.bin')
        if (bytes !== null) expect(bytes.equals(BYTES)).toBe(true)
      }
      // Now the coordinator knows the corrupt copy, or continues from the other copy.
      expect((await getBytes('/files/large.bin'))?.equals(BYTES)).toBe(true)
    },
  )

  it('answers a great many requests at once', async () => {
    const names = Object.keys(SMALL)
    const paths = Array.from({ length: 4 * MAX_OBJECTS_AT_ONCE }, (_, i) => names[i % names.length] ?? '')
    const answers = await Promise.all(
      paths.map(async (name) => {
        const response = await emulator.fetch(`/files/${name}`)
        return [response.headers.get('Replica-Agreement'), await response.text()]
      }),
    )
    expect(answers).toEqual(paths.map((name) => ['unanimous;answered=2;of=2', SMALL[name]]))
  })

  it('is not kept busy by clients that have left', { timeout: 60_000 }, async () => {
    await emulator.setFault('server1', { type: 'slow', ms: 600_000 })
    for (let i = 0; i < 2 * MAX_AUDITS; i++) await leave('/audit')
    for (let i = 0; i < 2 * MAX_OBJECTS_AT_ONCE; i++) await leave(`/files/small/${i}`)
    await emulator.setFault('server1', null)
    const response = await emulator.fetch('/files/large.bin')
    expect(response.headers.get('Replica-Agreement')).toBe('unanimous;answered=2;of=2')
    expect((await readBytes(response)).equals(BYTES)).toBe(true)
    expect((await emulator.fetch('/audit')).status).toBe(200)
  })

  /** Sends a request, and leaves once the answer began, or immediately. */
  async function leave(path: string): Promise<void> {
    const { hostname, port } = new URL(emulator.url)
    const socket = connect({ host: hostname, port: Number(port) })
    socket.on('error', () => {})
    await once(socket, 'connect')
    await new Promise((resolve) => socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`, resolve))
    if (path.startsWith('/audit')) await once(socket, 'readable')
    socket.resetAndDestroy()
  }
})
