import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable, Writable } from 'node:stream'
import { onTestFinished } from 'vitest'
import { type CoordinatorOptions, createCoordinator } from '../../functions/coordinator/coordinator.ts'
import type { Storage } from '../../functions/storage/storage.ts'
import { toEtag, toReprDigest } from '../../functions/wire/fields.ts'
import { createHasher } from '../node/hasher.ts'
import { serve } from '../node/serve.ts'
import type { Io } from './io.ts'
import { run } from './run.ts'

/** What a run of the command came to. */
export interface Ran {
  readonly status: number
  /** What was written, unless the test gave a stream of its own. */
  readonly stdout: string
  readonly stderr: string
}

/** A directory of its own for one test, and the command run in it. */
export interface Stage {
  readonly cwd: string
  run(args: readonly string[], io?: Partial<Io>): Promise<Ran>
  /** The files in the directory, hidden ones too, sorted. */
  files(): string[]
  read(name: string): string
}

/** Waits of downloads, as tests want them: none. */
async function noDelay(): Promise<void> {}

/** Sets the stage for the test that runs; it is gone when that ends. */
export function createStage(): Stage {
  const cwd = mkdtempSync(join(tmpdir(), 'vouch-'))
  onTestFinished(() => rmSync(cwd, { recursive: true, force: true }))
  return {
    cwd,
    async run(args, io = {}) {
      const [stdout, stderr] = [createCollector(), createCollector()]
      const streams = { stdin: Readable.from([]), stdout, stderr }
      const status = await run(args, { ...streams, cwd, env: {}, delay: noDelay, ...io })
      return { status, stdout: stdout.text(), stderr: stderr.text() }
    },
    files: () => readdirSync(cwd).sort(),
    read: (name) => readFileSync(join(cwd, name), 'utf8'),
  }
}

/** A stream that keeps what is written to it. */
export function createCollector(): Writable & { text(): string } {
  const chunks: Buffer[] = []
  const stream = new Writable({
    write(chunk, _encoding, callback) {
      chunks.push(Buffer.from(chunk))
      callback()
    },
  })
  return Object.assign(stream, { text: () => Buffer.concat(chunks).toString() })
}

/** Standard input on which `line` is typed. */
export function type(line: string): Readable {
  return new PassThrough().end(line)
}

/** A server that a test scripts; resolves with its address. It is gone when the test ends. */
export async function startScript(
  answer: (request: IncomingMessage, response: ServerResponse, nth: number) => void,
): Promise<string> {
  let requests = 0
  const server = createServer((request, response) => answer(request, response, ++requests))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  // A server that listens on TCP has an address of this kind.
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** A coordinator of these replicas over a socket; resolves with the flags that name it. It is gone when the test ends. */
export async function startCoordinator(
  replicas: Readonly<Record<string, Storage>>,
  options: Partial<CoordinatorOptions> = {},
): Promise<string[]> {
  const list = Object.entries(replicas).map(([id, storage]) => ({ id, storage }))
  const app = createCoordinator(list, { createHasher, ...options })
  return await startServer((request) => app.fetch(request))
}

/** The same for what answers like a coordinator. */
export async function startServer(
  answer: (request: Request) => Response | Promise<Response>,
): Promise<string[]> {
  const served = await serve(answer, { host: '127.0.0.1', port: 0 })
  onTestFinished(async () => {
    // The first lets what is under way finish, the second does not.
    served.close()
    await served.close()
  })
  return ['--coordinator', served.url]
}

/** SHA-256 in hexadecimal. */
export function hash(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}

/** What a coordinator's answer with `content` carries, whole or from `from`. */
export function toFields(content: string | Uint8Array, from = 0): Record<string, string> {
  const size = Buffer.byteLength(content)
  return {
    ETag: toEtag(hash(content)),
    'Repr-Digest': toReprDigest(hash(content)),
    'Replica-Agreement': 'unanimous;answered=2;of=2',
    'Replica-Status': 'server1;state=match, server2;state=match',
    'Content-Length': String(size - from),
    ...(from > 0 && { 'Content-Range': `bytes ${from}-${size - 1}/${size}` }),
  }
}

/** A problem document with these members. */
export function sendProblem(
  response: ServerResponse,
  status: number,
  members: Record<string, unknown>,
): void {
  response.writeHead(status, { 'Content-Type': 'application/problem+json' })
  response.end(JSON.stringify({ type: 'test', title: 'Trouble', status, ...members }))
}
