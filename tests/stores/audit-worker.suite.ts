import { createHash } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Miniflare, type WorkerOptions } from 'miniflare'
import * as v from 'valibot'
import { openBucket } from '../../emulator/bucket.ts'
import { bundle } from '../../emulator/bundle.ts'
import { toBucketBinding, toWorker } from '../../emulator/replicas.ts'
import { RUNTIME } from '../../emulator/runtime-output.ts'
import { type Parsed, parseJson } from '../../functions/wire/json/parse.ts'
import { type Status, status as schema } from '../../functions/wire/schemas/ledger.ts'
import { readPeakKib, readWorkerdProcesses } from './workerd-process.suite.ts'

const BUCKETS = ['files', 'more'] as const
type BucketName = (typeof BUCKETS)[number]

/** An audit Worker over two simulated buckets, which are in a process of their own. */
export interface AuditWorld {
  /** Where the Worker listens, as long as it runs. */
  readonly url: string
  /** Starts the Worker, on what it had written before. */
  start(): Promise<void>
  /** Kills its process, as when the machine stops. */
  kill(): Promise<void>
  /** Fires the cron trigger of this time, in milliseconds since 1970. */
  fire(time: number): Promise<void>
  /** Lets a bucket refuse everything, or answer again. */
  fail(bucket: BucketName, isFailing: boolean): Promise<void>
  /** Adds or replaces an object in a bucket, with its SHA-256. */
  put(bucket: BucketName, key: string, content: string): Promise<void>
  readStatus(): Promise<Status>
  /** The most memory that a process of the Worker has held, in KiB; null where it cannot be read. */
  readPeak(): Promise<number | null>
  close(): Promise<void>
}

/**
 * Creates the world in `directory`, with `count` objects in each bucket, of which the names of `differing`
 * have another content in the second; each third of these it lacks.
 */
export async function openAuditWorld(
  directory: string,
  count: number,
  differing: ReadonlySet<number>,
  bindings: Record<string, string> = {},
): Promise<AuditWorld> {
  await fill(join(directory, 'store'), count, differing)
  const store = open(join(directory, 'store'), await createStores())
  await store.ready
  const before = await readWorkerdProcesses()
  const hosts = await Promise.all(
    BUCKETS.map(async (name) => (await store.unsafeGetDirectURL(`gate-${name}`)).host),
  )
  const options = await createWorker(hosts, bindings)
  let worker: Miniflare | undefined
  let url = ''
  let pids: string[] = []
  let peak: number | null = null

  async function notePeak(): Promise<void> {
    for (const pid of pids) peak = Math.max(peak ?? 0, await readPeakKib(pid))
  }

  async function stop(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    await notePeak().catch(() => {})
    for (const pid of pids) process.kill(Number(pid), signal)
    pids = []
    // Miniflare rejects when its process is gone.
    await worker?.dispose().catch(() => {})
    worker = undefined
  }

  return {
    get url() {
      return url
    },
    async start() {
      worker = open(join(directory, 'audit'), [options])
      await worker.ready
      url = (await worker.unsafeGetDirectURL('audit')).origin
      pids = (await readWorkerdProcesses()).filter((pid) => !before.includes(pid))
    },
    kill: () => stop('SIGKILL'),
    async fire(time) {
      if (worker === undefined) throw new Error('the Worker does not run')
      const handle: unknown = await worker.getWorker('audit')
      const { scheduled } = handle as Scheduled // its types are not installed
      const { outcome } = await scheduled({ scheduledTime: new Date(time) })
      if (outcome !== 'ok') throw new Error(`the cron trigger ended with ${outcome}`)
    },
    async fail(bucket, isFailing) {
      const host = hosts[BUCKETS.indexOf(bucket)]
      await ask(`http://${host}`, { headers: { 'X-Failing': String(isFailing) } })
    },
    async put(bucket, key, content) {
      const sha256 = createHash('sha256').update(content).digest('hex')
      await (await openBucket(store, 'BUCKET', `gate-${bucket}`)).put(key, content, { sha256 })
    },
    async readStatus() {
      const read = parseJson(schema, await (await ask(`${url}/status`)).text())
      if (!read.success) throw new Error(read.wrong)
      return read.output
    },
    async readPeak() {
      await notePeak()
      return peak
    },
    async close() {
      await stop('SIGTERM')
      await store.dispose()
    },
  }
}

/** Asks again, once, where a kept connection was closed while nobody used it. */
async function ask(url: string, init: RequestInit = {}): Promise<Response> {
  return await fetch(url, init).catch(() => fetch(url, init))
}

/** The part of Miniflare's handle of a Worker that is used. */
interface Scheduled {
  scheduled(event: { readonly scheduledTime: Date }): Promise<{ readonly outcome: string }>
}

function open(path: string, workers: WorkerOptions[]): Miniflare {
  return new Miniflare({
    ...RUNTIME,
    defaultPersistRoot: path,
    workers,
  })
}

const SOCKETS = { unsafeDirectSockets: [{ host: '127.0.0.1', port: 0 }] }

/** Passes requests on to the bucket, or refuses them, as a header of the last one with it says. */
const GATE = `let isFailing = false
export default {
  fetch(request, { STORE }) {
    const asked = request.headers.get('X-Failing')
    if (asked !== null) isFailing = asked === 'true'
    if (asked !== null) return new Response()
    return isFailing ? new Response('the bucket fails', { status: 500 }) : STORE.fetch(request)
  },
}`

async function createStores(): Promise<WorkerOptions[]> {
  return BUCKETS.map((name) => ({
    ...{ ...toWorker(`gate-${name}`, GATE), ...SOCKETS, r2Buckets: { BUCKET: name } },
    unsafeBindings: [toBucketBinding('STORE', `r2:bucket:${name}`, false)],
  }))
}

async function createWorker(
  hosts: readonly string[],
  bindings: Record<string, string>,
): Promise<WorkerOptions> {
  return {
    ...{ ...toWorker('audit', hasten(await bundle('runtime/workers/audit/audit.ts'))), ...SOCKETS },
    unsafeBindings: BUCKETS.map((name, i) =>
      toBucketBinding(name.toUpperCase(), `gate-${name}`, true, hosts[i]),
    ),
    bindings: { REPLICAS: 'files=r2://FILES,more=r2://MORE', OPEN: 'true', ...bindings },
    durableObjects: { LEDGER: { className: 'AuditLedger', useSQLite: true } },
    workflows: { AUDITS: { name: 'vouch-audit', className: 'AuditPart' } },
  }
}

/** The Worker, but a step that fails is tried again, as often, after 1, 2 and 4 seconds. */
function hasten(script: string): string {
  const hastened = script.replace('delay: "10 seconds"', 'delay: "1 second"')
  if (hastened === script) throw new Error('the Worker says in another way when it tries a step again')
  return hastened
}

/** The name of an object of the world. */
export function toObjectName(i: number): string {
  return `dir ${i % 7}/file ${String(i).padStart(7, '0')}`
}

/**
 * Fills the simulated buckets, whose rows are written to their databases: to put each object takes
 * milliseconds. Their bytes are not there, and nothing may read them.
 */
async function fill(path: string, count: number, differing: ReadonlySet<number>): Promise<void> {
  const store = open(path, await createStores())
  for (const name of BUCKETS) {
    const bucket = await openBucket(store, 'BUCKET', `gate-${name}`)
    await bucket.put(name, '')
    await bucket.list()
  }
  await store.dispose()
  const directory = join(path, 'r2/miniflare-R2BucketObject')
  for (const file of readdirSync(directory).filter((file) => /^[0-9a-f]{64}\.sqlite$/.test(file))) {
    const db = new DatabaseSync(join(directory, file))
    const name = String(db.prepare('SELECT key FROM _mf_objects').get()?.['key'])
    db.exec('BEGIN; DELETE FROM _mf_objects')
    const insert = db.prepare('INSERT INTO _mf_objects VALUES (?, NULL, ?, ?, ?, ?, ?, ?, ?)')
    for (let i = 0; i < count; i++) {
      const isOther = differing.has(i) && name === 'more'
      if (isOther && i % 3 === 0) continue
      const text = `content ${i}${isOther ? ' is another' : ''}`
      const sha256 = createHash('sha256').update(text).digest('hex')
      const etag = createHash('md5').update(text).digest('hex')
      insert.run(
        ...[toObjectName(i), etag, text.length, etag, Date.now(), JSON.stringify({ sha256 }), '{}', '{}'],
      )
    }
    db.exec('COMMIT')
    db.close()
  }
}

const page = v.object({ entries: v.array(v.object({ name: v.string() })), next: v.nullable(v.string()) })

/** The names that differ, by the ledger. */
export async function readDifferences(url: string): Promise<string[]> {
  const names: string[] = []
  for (let after: string | null = ''; after !== null; ) {
    const response: Response = await ask(`${url}/differences?after=${encodeURIComponent(after)}`)
    const read: Parsed<v.InferOutput<typeof page>> = parseJson(page, await response.text())
    if (!read.success) throw new Error(read.wrong)
    names.push(...read.output.entries.map(({ name }) => name))
    after = read.output.next
  }
  return names
}
