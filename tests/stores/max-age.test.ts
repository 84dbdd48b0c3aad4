import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type ServerProcess, startServer } from '../../runtime/cli/process.suite.ts'
import { isTmpfs } from '../../runtime/node/mounts/shared-memory.suite.ts'
import { createTemporaryDirectory } from '../../runtime/node/temporary-directory.suite.ts'

const MIB = 1024 * 1024
const SIZE = 8 * MIB
/** Bytes that a server reads beside contents: questions, answers, its index. */
const BESIDE = MIB
/**
 * How long a file may take until its digest is remembered: it must stay unchanged for a while, and a sync
 * must end.
 */
const PATIENCE_MS = 60_000

const { path: scratch, remove } = createTemporaryDirectory('vouch-max-age-')
const canCount = process.platform === 'linux'
const isRemembering = !isTmpfs(scratch)
if (!canCount) console.warn('NOT TESTED without /proc: that max-age=0 reads every copy, counted in bytes')
else if (!isRemembering) console.warn('NOT TESTED on tmpfs: that a copy which is remembered is not read')

let replica: ServerProcess
let coordinator: ServerProcess
const content = randomBytes(SIZE)

beforeAll(async () => {
  for (const id of ['a', 'b']) {
    mkdirSync(join(scratch, id))
    writeFileSync(join(scratch, id, 'f'), content)
  }
  replica = await startServer(['replica', './b', '--index', 'index-b'], scratch)
  const replicas = ['--replica', 'a=./a', '--replica', `b=${replica.url}`]
  coordinator = await startServer(['coordinator', ...replicas, '--index', 'index-a'], scratch)
})

afterAll(async () => {
  await coordinator?.stop()
  await replica?.stop()
  remove()
})

/** Bytes that each of the two processes, which have a directory each, has read so far, from any source. */
function countRead(): number[] {
  return [coordinator, replica].map(({ pid }) => {
    const text = readFileSync(`/proc/${pid}/io`, 'utf8')
    return Number(/^rchar: (\d+)$/m.exec(text)?.[1])
  })
}

/** The result of a request, and how many bytes each process read for it. */
async function ask(path: string, init: RequestInit = {}) {
  const before = countRead()
  const response = await fetch(coordinator.url + path, init)
  const body = Buffer.from(await response.arrayBuffer())
  const read = countRead().map((bytes, i) => bytes - (before[i] ?? 0))
  return { status: response.status, known: response.headers.get('Replica-Status'), body, read }
}

function expectAllRead({ read }: { readonly read: readonly number[] }): void {
  for (const bytes of read) expect(bytes).toBeGreaterThanOrEqual(SIZE)
}

function expectNoneRead({ read }: { readonly read: readonly number[] }): void {
  for (const bytes of read) expect(bytes).toBeLessThan(BESIDE)
}

const READ = 'a;state=match;evidence=read;age=0, b;state=match;evidence=read;age=0'
const REMEMBERED = /^a;state=match;evidence=remembered;age=\d+, b;state=match;evidence=remembered;age=\d+$/

describe.runIf(canCount)('a file that every replica remembers', () => {
  beforeAll(async () => {
    if (!isRemembering) return
    await vi.waitFor(
      async () => expect((await ask('/files/f', { method: 'HEAD' })).known).toMatch(REMEMBERED),
      { timeout: PATIENCE_MS, interval: 100 },
    )
  }, PATIENCE_MS)

  it.runIf(isRemembering).each<[what: string, path: string, init: RequestInit]>([
    ['without max-age', '/files/f', {}],
    ['with max-age of an hour', '/files/f?max-age=3600', {}],
    ['by a browser that reloads', '/files/f', { headers: { 'Cache-Control': 'max-age=0' } }],
    ['with Cache-Control: no-cache', '/files/f', { headers: { 'Cache-Control': 'no-cache' } }],
  ])('is read by no replica for a request %s', async (_what, path, init) => {
    const answered = await ask(path, { ...init, method: 'HEAD' })
    expect(answered.known).toMatch(REMEMBERED)
    expectNoneRead(answered)
  })

  it('is read by each of them for every request with max-age=0', async () => {
    for (let i = 0; i < 3; i++) {
      const answered = await ask('/files/f?max-age=0', { method: 'HEAD' })
      expect(answered).toMatchObject({ status: 200, known: READ })
      expectAllRead(answered)
    }
    const answered = await ask('/files/f?max-age=0')
    expect(answered).toMatchObject({ status: 200, known: READ })
    expect(answered.body.equals(content)).toBe(true)
    expectAllRead(answered)
  })

  it('is read by each of them beside other concurrent requests', async () => {
    const before = countRead()
    const paths = ['/files/f?max-age=0', '/files/f', '/files/f?max-age=0', '/files/f?max-age=3600']
    const answers = await Promise.all(paths.map((path) => fetch(coordinator.url + path, { method: 'HEAD' })))
    for (const i of [0, 2]) expect(answers[i]?.headers.get('Replica-Status')).toBe(READ)
    expectAllRead({ read: countRead().map((bytes, i) => bytes - (before[i] ?? 0)) })
  })

  it('is read by each of them for an audit and a plan with max-age=0', async () => {
    const audit = await ask('/audit?all&max-age=0')
    expectAllRead(audit)
    const [name = '', end = ''] = audit.body.toString().trim().split('\n').filter(isNoProgress)
    const read = { evidence: 'read', age: 0 }
    expect(JSON.parse(name)).toMatchObject({ agreement: 'unanimous', replicas: [read, read] })
    const seen = { names: 1, bytes: SIZE, read: 1, remembered: 0, oldest: 0 }
    expect(JSON.parse(end)).toMatchObject({ summary: { replicas: [{ seen }, { seen }] } })

    const headers = { 'Content-Type': 'application/json' }
    const body = JSON.stringify({ prefix: '', match: [], exclude: [], rules: [] })
    const plan = await ask('/plan?max-age=0', { method: 'POST', headers, body })
    expect(plan.status).toBe(200)
    expectAllRead(plan)
  })
})

function isNoProgress(line: string): boolean {
  return !line.startsWith('{"progress"')
}
