import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, truncateSync } from 'node:fs'
import { Agent, type IncomingMessage, request } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, onTestFinished, test, vi } from 'vitest'
import { toEtag, toReprDigest } from '../../../functions/wire/fields/fields.ts'
import { finish, type ServerProcess, startServer, startVouch } from '../../cli/process.suite.ts'
import { createStage, createStageWith, hash } from '../../cli/stage.suite.ts'

const LARGE = 32 * 1024 * 1024
const REPLICA = ['replica', 'files', '--log', 'json']
const COORDINATOR = ['coordinator', '--replica', 'a=files', '--replica', 'b=copies', '--log', 'json']

function createTrees() {
  const { cwd } = createStageWith({ 'files/f': 'text', 'copies/f': 'text' })
  return cwd
}

/** A server of two workers. */
async function startTwo(args: readonly string[], cwd: string): Promise<ServerProcess> {
  const server = await startServer([...args, '--workers', '2'], cwd)
  onTestFinished(() => server.stop())
  return server
}

interface Asked {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** A new connection is opened, and closed, when absent. */
  readonly agent?: Agent
}

async function ask(url: string, { body, agent, method = 'GET', headers = {} }: Asked = {}) {
  const sent = request(url, { method, headers, agent: agent ?? false }).end(body)
  const [response]: IncomingMessage[] = await once(sent, 'response')
  if (response === undefined) throw new Error('a response comes with its event')
  return { status: response.statusCode, body: await text(response) }
}

/** A connection to each of the two workers, by the number of its process. */
async function connectBoth(server: ServerProcess): Promise<Map<number, Agent>> {
  const agents = new Map<number, Agent>()
  while (agents.size < 2) {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    onTestFinished(() => agent.destroy())
    await ask(`${server.url}/healthz`, { agent })
    agents.set(Number((await server.readEntry())['pid']), agent)
  }
  return agents
}

/** The next message of the log that matches. */
async function readMessage(server: ServerProcess, pattern: RegExp): Promise<string> {
  for (let line = await server.readLine(); line !== undefined; line = await server.readLine()) {
    const { msg } = JSON.parse(line)
    if (pattern.test(msg)) return msg
  }
  throw new Error(`the log ended before ${pattern}`)
}

function readMetric(body: string, name: string): number {
  return Number(
    body
      .split('\n')
      .find((line) => line.startsWith(`${name} `))
      ?.slice(name.length),
  )
}

function isRunning(pid: number): boolean {
  try {
    // A process that has ended, and whose parent has not noticed, is a zombie.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

async function untilEnded(pids: Iterable<number>): Promise<void> {
  for (const pid of pids) while (isRunning(pid)) await delay(10)
}

const HOLDS = /digest index holds/

test('two workers answer on one port in turn and do once what has to be done once', async () => {
  const server = await startTwo([...REPLICA, '--index', 'index'], createTrees())
  expect(JSON.parse(server.banner)).toMatchObject({
    msg: `replica replica listens on ${server.url}, serving files`,
  })
  const messages: string[] = []
  /** Reads to the next line of a request, or of a message that matches; undefined when the log has ended. */
  const readTo = async (wanted: 'request' | RegExp): Promise<Record<string, unknown> | undefined> => {
    for (let line = await server.readLine(); line !== undefined; line = await server.readLine()) {
      const entry = JSON.parse(line)
      if (!('path' in entry)) messages.push(entry.msg)
      if (wanted === 'request' ? 'path' in entry : wanted.test(entry.msg)) return entry
    }
    return undefined
  }
  const pids: unknown[] = []
  for (let i = 0; i < 4; i++) {
    expect(await ask(`${server.url}/files/f`)).toEqual({ status: 200, body: 'text' })
    pids.push((await readTo('request'))?.['pid'])
  }
  expect(new Set(pids).size).toBe(2)
  expect(pids.slice(2)).toEqual(pids.slice(0, 2))
  expect(pids).not.toContain(server.pid)

  server.child.kill('SIGHUP')
  for (let i = 0; i < 2; i++)
    expect(await readTo(/^SIGHUP: reloading tokens and certificates$/)).toBeDefined()
  if (!messages.some((message) => HOLDS.test(message))) await readTo(HOLDS)
  const exit = once(server.child, 'exit')
  server.child.kill('SIGTERM')
  expect(await exit).toEqual([0, null])
  await readTo(/^$/)
  expect(messages.filter((message) => /digests computed/.test(message))).toHaveLength(2)
  expect(messages.filter((message) => HOLDS.test(message))).toHaveLength(1)
  expect(messages.filter((message) => /listens/.test(message))).toEqual([])
})

test('a worker that is killed is replaced, and costs neither an answer of another nor what it had counted', async () => {
  const server = await startTwo(COORDINATOR, createTrees())
  const agents = await connectBoth(server)
  const readAll = async () => (await ask(`${server.url}/metrics`)).body
  for (const agent of agents.values())
    for (let i = 0; i < 3; i++) expect((await ask(`${server.url}/files/f`, { agent })).status).toBe(200)
  const before = await readAll()
  expect(readMetric(before, 'vouch_reads_total{agreement="unanimous"}')).toBe(6)
  expect(readMetric(before, 'vouch_read_seconds_count')).toBe(6)
  expect(readMetric(before, 'vouch_index_available{replica="a"}')).toBeLessThanOrEqual(1)
  expect(readMetric(before, 'vouch_replica_breaker_open{replica="a"}')).toBe(0)
  expect(readMetric(before, 'process_start_time_seconds')).toBeLessThan(Date.now() / 1000)
  expect([readMetric(before, 'vouch_workers'), readMetric(before, 'vouch_worker_crashes_total')]).toEqual([
    2, 0,
  ])

  const [[dead], [, other]] = [...agents] as [[number, Agent], [number, Agent]]
  process.kill(dead, 'SIGKILL')
  expect(await readMessage(server, /^worker/)).toBe(
    `worker ${dead} was ended by SIGKILL, and its connections broke off; another starts in 0.25 s`,
  )
  expect((await ask(`${server.url}/files/f`, { agent: other })).status).toBe(200)
  const after = await readAll()
  expect(readMetric(after, 'vouch_reads_total{agreement="unanimous"}')).toBe(7)
  expect([readMetric(after, 'vouch_workers'), readMetric(after, 'vouch_worker_crashes_total')]).toEqual([
    1, 1,
  ])
  while (readMetric(await readAll(), 'vouch_workers') < 2) await delay(50)
  expect((await connectBoth(server)).has(dead)).toBe(false)
  expect(readMetric(await readAll(), 'vouch_reads_total{agreement="unanimous"}')).toBe(7)
})

test('the pause before a worker is replaced grows with each crash', async () => {
  const server = await startTwo(REPLICA, createTrees())
  const pauses = []
  let [dead] = (await connectBoth(server)).keys()
  for (let i = 0; i < 2; i++) {
    process.kill(Number(dead), 'SIGKILL')
    pauses.push(/starts in ([\d.]+) s/.exec(await readMessage(server, /^worker/))?.[1])
    const others = new Set((await connectBoth(server)).keys())
    // The one that crashed before crashes again: numbers of processes grow.
    dead = Math.max(...others)
  }
  expect(pauses).toEqual(['0.25', '0.5'])
})

test('the metrics of a worker that stands still are those that it reported before', async () => {
  const server = await startTwo(COORDINATOR, createTrees())
  const [[still], [, agent]] = [...(await connectBoth(server))] as [[number, Agent], [number, Agent]]
  const first = (await ask(`${server.url}/metrics`, { agent })).body
  process.kill(still, 'SIGSTOP')
  const { body } = await ask(`${server.url}/metrics`, { agent })
  process.kill(still, 'SIGCONT')
  expect(readMetric(body, 'vouch_workers')).toBe(1)
  const code = 'vouch_requests_total{code="200"}'
  expect(readMetric(body, code)).toBe(readMetric(first, code) + 1)
  expect(await readMessage(server, /did not report/)).toBe(
    `worker ${still} did not report its metrics within 2 s: /metrics has those that it reported before`,
  )
})

test('a signal to every process of a server is one signal: the downloads under way are finished', async () => {
  const cwd = createTrees()
  // More than the buffers of a connection hold, so that it is not all sent when the signal comes.
  truncateSync(join(cwd, 'files/f'), LARGE)
  const server = await startTwo(REPLICA, cwd)
  const agents = await connectBoth(server)
  const downloads = []
  for (const agent of agents.values()) {
    const [response]: IncomingMessage[] = await once(
      request(`${server.url}/files/f`, { agent }).end(),
      'response',
    )
    downloads.push(response)
  }
  const exit = once(server.child, 'exit')
  for (const pid of [server.pid, ...agents.keys()]) process.kill(pid, 'SIGINT')
  await delay(100)
  expect(server.child.exitCode).toBeNull()
  const whole = Buffer.alloc(LARGE)
  whole.write('text')
  for (const response of downloads) {
    const sha = createHash('sha256')
    for await (const chunk of response ?? []) sha.update(chunk)
    expect(sha.digest('hex')).toBe(hash(whole))
  }
  expect(await exit).toEqual([0, null])
})

test.each([
  ['a second SIGTERM', ['SIGTERM', 'SIGTERM'], 'SIGTERM'],
  ['SIGKILL', ['SIGKILL'], 'SIGKILL'],
] as const)('%s ends the main process and all workers at once', async (_, signals, last) => {
  const cwd = createTrees()
  truncateSync(join(cwd, 'files/f'), LARGE)
  const server = await startTwo(REPLICA, cwd)
  const agents = await connectBoth(server)
  for (const agent of agents.values()) {
    const sent = request(`${server.url}/files/f`, { agent }).end()
    const [response]: IncomingMessage[] = await once(sent, 'response')
    response?.on('error', () => {})
  }
  const exit = once(server.child, 'exit')
  for (const signal of signals) {
    server.child.kill(signal)
    await delay(100)
  }
  expect(await exit).toEqual([null, last])
  await untilEnded(agents.keys())
})

test('two workers write to one directory and lose nothing', async () => {
  const cwd = createTrees()
  const server = await startTwo([...REPLICA, '--writable', '--open'], cwd)
  const agents = [...(await connectBoth(server)).values()]
  const put = (
    name: string,
    body: string,
    agent: Agent | undefined,
    condition: Readonly<Record<string, string>>,
  ) => {
    const digest = createHash('sha256').update(body).digest('hex')
    const headers = { 'Repr-Digest': toReprDigest(digest), ...condition }
    return ask(`${server.url}/files/${name}`, { method: 'PUT', body, headers, ...(agent && { agent }) })
  }
  const names = Array.from({ length: 40 }, (_, i) => `new/${i}`)
  const made = await Promise.all(
    names.map((name, i) => put(name, name, agents[i % 2], { 'If-None-Match': '*' })),
  )
  expect(new Set(made.map(({ status }) => status))).toEqual(new Set([201]))
  for (const name of names) expect(readFileSync(join(cwd, 'files', name), 'utf8')).toBe(name)
  // Of several that replace the same content, one does.
  const condition = { 'If-Match': toEtag(hash('text')) }
  const same = await Promise.all(
    names.slice(0, 10).map(async (body, i) => {
      for (;;) {
        const answer = await put('f', body, agents[i % 2], condition)
        // Of a file that kept changing while it was looked at, nothing is decided.
        if (answer.status !== 503) return answer
        expect(answer.body).toContain('changed-while-reading')
      }
    }),
  )
  expect(same.map(({ status }) => status).sort()).toEqual([204, ...Array(9).fill(412)])
  expect(readFileSync(join(cwd, `files/.vouch/kept/${hash('text')}/f`), 'utf8')).toBe('text')
})

test('a text log names the worker after the time', async () => {
  const server = await startTwo(['replica', 'files'], createTrees())
  expect(server.banner).toBe(`replica replica listens on ${server.url}, serving files`)
  await ask(`${server.url}/files/f`)
  expect(await server.readLine()).toMatch(/^\S+Z \[\d+\] 127\.0\.0\.1 GET \/files\/f 200 \d+ ms$/)
})

test('an error in the arguments, or of the port, is reported in one line, with exit status 2', async () => {
  const cwd = createTrees()
  const { url } = await startTwo(REPLICA, cwd)
  const { port } = new URL(url)
  const wrong: readonly (readonly [readonly string[], string])[] = [
    [
      ['replica', 'files', '--port', port, '--workers', '2'],
      `cannot listen on 127.0.0.1:${port}: the port is in use; --port names another, or 0 for any free one`,
    ],
    [['replica', 'nowhere', '--workers', '2'], 'nowhere'],
    [['coordinator', '--workers', '2'], '--replica takes ID=TARGET at least once, got none'],
    [['replica', 'files', '--workers', '0'], "--workers takes a number of processes from 1 to 64, got '0'"],
  ]
  for (const [args, line] of wrong) {
    const { status, said } = await finish(startVouch(args, cwd))
    expect([status, said[0]]).toEqual([2, ''])
    expect(said[1]).toMatch(/^vouch: .*\n$/)
    expect(said[1]).toContain(line)
  }
})

test('one worker is the process itself', async () => {
  const server = await startServer([...REPLICA, '--workers', '1'], createTrees())
  onTestFinished(() => server.stop())
  await ask(`${server.url}/files/f`)
  expect(await server.readEntry()).not.toHaveProperty('pid')
})

test.each(['Bun', 'Deno'])('%s is refused in one line', async (host) => {
  vi.stubGlobal(host, {})
  onTestFinished(() => void vi.unstubAllGlobals())
  expect(await createStage().run(['replica', '.', '--workers', '2'])).toEqual({
    status: 2,
    stdout: '',
    stderr: `vouch: --workers needs Node on Linux or macOS, and this is ${host}; leave it out, or start several servers on ports of their own behind a proxy\n`,
  })
})
