import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ServerProcess, startServer } from '../../runtime/cli/process.suite.ts'

/** A body sent to a server, and its effects. */
export interface Row {
  readonly what: string
  readonly status: number
  /** Milliseconds until the answer. */
  readonly ms: number
  /** The median of reads before it, and the slowest of ten right after it; milliseconds. */
  readonly quietMs: number
  readonly afterMs: number
  /** Resident memory of the server before, at its most since it started, and after; MiB. */
  readonly beforeMib: number
  readonly peakMib: number
  readonly afterMib: number
}

const MIB = 1024 * 1024
const DIGEST = 'a'.repeat(64)

/** `item` as often as it fits into so many bytes. */
function fill(item: string, bytes: number, end = ''): string {
  return `${`${item},`.repeat(Math.floor(bytes / (item.length + 1)) - 1)}${item}${end}`
}

/** Bodies of about `bytes` bytes whose elements are all wrong, or far too many. */
function toBodies(start: string, end: string, right: string, bytes: number): [what: string, body: string][] {
  const room = bytes - start.length - end.length - 16
  const wrap = (inner: string) => `${start}${inner}${end}`
  return [
    ['objects', wrap(fill('{}', room))],
    ['numbers', wrap(fill('5', room))],
    ['arrays in arrays', wrap('['.repeat(room / 2) + ']'.repeat(room / 2))],
    [
      'objects of many keys',
      wrap(`{${Array.from({ length: room / 16 }, (_, i) => `"key${i}":1`).join(',')}}`),
    ],
    ['far too many right elements', wrap(fill(right, room))],
    ['one wrong element after many right ones', wrap(fill(right, room - 4, ',5'))],
    ['long wrong strings', wrap(fill(`"${'\\u0000'.repeat(1000)}"`, room))],
  ]
}

/** A replica that answers `body` on one path, and reports on every other that it has nothing. */
async function startLiar(path: string) {
  let body = ''
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      const isLines = request.method === 'POST'
      response.writeHead(200, { 'Content-Type': isLines ? 'application/x-ndjson' : 'application/json' })
      response.end(request.url?.startsWith(path) ? body : '{"name":"f","absent":true}\n')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo // it listens on TCP
  return {
    url: `http://127.0.0.1:${port}`,
    lie: (text: string) => {
      body = text
    },
    close: () => server.close(),
  }
}

function readMemory(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  const [, kib = '0'] =
    new RegExp(`${field}:\\s+(\\d+) kB`).exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kib) / 1024
}

async function time(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

async function measure(server: ServerProcess, what: string, send: () => Promise<Response>): Promise<Row> {
  const read = async () => await (await fetch(`${server.url}/files/f`)).arrayBuffer()
  // The server may have closed the connection while the body was made.
  await read().catch(() => {})
  for (let i = 0; i < 50; i++) await read()
  const quiet: number[] = []
  for (let i = 0; i < 100; i++) quiet.push(await time(read))
  const beforeMib = readMemory(server.pid, 'VmRSS')
  let status = 0
  const ms = await time(async () => {
    const response = await send()
    status = response.status
    await response.text()
  })
  const after: number[] = []
  for (let i = 0; i < 10; i++) after.push(await time(read))
  return {
    what,
    status,
    ms,
    quietMs: quiet.sort((a, b) => a - b)[50] ?? 0,
    afterMs: after.sort((a, b) => a - b)[5] ?? 0,
    beforeMib,
    peakMib: readMemory(server.pid, 'VmHWM'),
    afterMib: readMemory(server.pid, 'VmRSS'),
  }
}

/** What each body is sent to: start, end, a right element, and how many bytes. */
const POSTED = [
  ['replica', '/describe', '{"names":[', ']}', '"f"', 8 * MIB],
  [
    'replica',
    '/survey',
    '{"prefix":"","grain":0,"maxAge":null,"exclude":[],"match":[',
    '],"ranges":[]}',
    '"f"',
    2 * MIB,
  ],
  ['coordinator', '/plan', '{"prefix":"","match":[],"rules":[],"exclude":[', ']}', '"f"', 2 * MIB],
  ['coordinator', '/plan', '{"prefix":"","match":[],"rules":[],"exclude":[', ']}', '"f"', 8 * MIB],
  [
    'coordinator',
    '/apply',
    '{"vouch":"plan","version":1,"replicas":["one"],"steps":[',
    ']}',
    `{"name":"f","to":"one","digest":"${DIGEST}","size":1,"seen":{"one":null}}`,
    8 * MIB,
  ],
  [
    'coordinator',
    '/apply',
    '{"vouch":"plan","version":1,"replicas":["one"],"steps":[',
    ']}',
    `{"name":"f","to":"one","digest":"${DIGEST}","size":1,"seen":{"one":null}}`,
    60 * MIB,
  ],
] as const

/** The answer of a replica, and the request to the coordinator that leads to it. */
const LIES = [
  ['/files', '{"entries":[', '],"next":null}', '{"name":"f","size":1,"modified":null}', 8 * MIB],
  [
    '/kept?replica=liar',
    '{"entries":[',
    '],"next":null}',
    `{"name":"f","digest":"${DIGEST}","size":1,"kept":null}`,
    8 * MIB,
  ],
  ['/audit', '', '', `{"name":"g","size":1}`, 8 * MIB],
] as const

/**
 * Sends every body to real servers, and prints what each did; only to the address `only` when given, such as
 * `GET /files`. Each address has a server of its own, so that one spoils no other.
 */
export async function* runWrongBodies(only?: string): AsyncGenerator<Row> {
  const directory = mkdtempSync(join(tmpdir(), 'vouch-bodies-'))
  mkdirSync(join(directory, 'one'))
  writeFileSync(join(directory, 'one/f'), 'content\n')
  const index = ['--index', join(directory, 'index')]
  try {
    for (const [kind, path, start, end, right, bytes] of POSTED) {
      if (only !== undefined && only !== `POST ${path}`) continue
      const args =
        kind === 'replica'
          ? ['replica', 'one']
          : ['coordinator', '--replica', 'one=one', '--single', '--writable', '--open']
      const server = await startServer([...args, ...index], directory)
      try {
        for (const [what, body] of toBodies(start, end, right, bytes)) {
          const headers = { 'Content-Type': 'application/json' }
          const send = () => fetch(server.url + path, { method: 'POST', headers, body })
          yield await measure(server, `POST ${path}, ${bytes / MIB} MiB of ${what}`, send)
        }
      } finally {
        await server.stop()
      }
    }
    for (const [path, start, end, right, bytes] of LIES) {
      if (only !== undefined && only !== `GET ${path}`) continue
      const liar = await startLiar(path === '/audit' ? '/survey' : path.replace(/\?.*/, ''))
      const replicas = ['--replica', 'one=one', '--replica', `liar=${liar.url}`]
      const server = await startServer(['coordinator', ...replicas, ...index], directory)
      try {
        for (const [what, body] of toBodies(start, end, right, bytes)) {
          liar.lie(body)
          yield await measure(
            server,
            `GET ${path}, where a replica answers ${bytes / MIB} MiB of ${what}`,
            () => fetch(server.url + path),
          )
        }
      } finally {
        await server.stop()
        liar.close()
      }
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

if (import.meta.main) {
  console.log(
    '| what was sent | answer | after ms | read before, ms | after | MiB before | at most | after |',
  )
  console.log('| --- | --- | --- | --- | --- | --- | --- | --- |')
  for await (const row of runWrongBodies(process.argv[2])) {
    const { what, status, ms, quietMs, afterMs, beforeMib, peakMib, afterMib } = row
    const numbers = [status, ms.toFixed(0), quietMs.toFixed(1), afterMs.toFixed(1)]
    const memory = [beforeMib, peakMib, afterMib].map((mib) => mib.toFixed(0))
    console.log(`| ${[what, ...numbers, ...memory].join(' | ')} |`)
  }
}
