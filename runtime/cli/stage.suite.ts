import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { PassThrough, Readable, Writable } from 'node:stream'
import { afterAll, onTestFinished } from 'vitest'
import { type CoordinatorOptions, createCoordinator } from '../../functions/coordinator/coordinator.ts'
import type { Storage } from '../../functions/storage/storage.ts'
import { toEtag, toReprDigest } from '../../functions/wire/fields/fields.ts'
import type { Io } from '../hosting/io.ts'
import { createHasher } from '../node/hasher.ts'
import { serve } from '../node/http/serve.ts'
import { run } from './run.ts'

/** The result of a run of the command. */
export interface Ran {
  readonly status: number
  /** The output, unless the test passed its own stream. */
  readonly stdout: string
  readonly stderr: string
}

/** A directory for one test, in which the command runs. */
export interface Stage {
  readonly cwd: string
  run(args: readonly string[], io?: Partial<Io>): Promise<Ran>
  /** The files in the directory, hidden ones too, sorted. */
  files(): string[]
  read(name: string): string
  /** Writes files by path below the directory. */
  write(files: Files): void
}

/** Contents by path. */
export type Files = Readonly<Record<string, string | Uint8Array>>

/** Downloads do not wait between tries in tests. */
async function noDelay(): Promise<void> {}

/** Creates a stage for the current test, which removes it at the end. */
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
    write: (files) => writeFiles(cwd, files),
  }
}

/** A stage with these files. */
export function createStageWith(files: Files): Stage {
  const stage = createStage()
  stage.write(files)
  return stage
}

/** Writes files by path below `directory`. */
export function writeFiles(directory: string, files: Files): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, path)), { recursive: true })
    writeFileSync(join(directory, path), content)
  }
}

/** A directory for all tests of a file, which is removed after the last. */
export function createDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), 'vouch-'))
  afterAll(() => rmSync(path, { recursive: true }))
  return path
}

/** The flags for replicas of these ids, each the directory of that name, with their index beside them. */
export function toReplicaFlags(...ids: readonly string[]): string[] {
  return [...ids.flatMap((id) => ['--replica', `${id}=${id}`]), '--index', 'index']
}

/** A stream that collects what is written to it. */
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

/** Starts a server with scripted responses; resolves with its address. The current test stops it. */
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

/** Starts a coordinator over a socket; resolves with the flags that name it. The current test stops it. */
export async function startCoordinator(
  replicas: Readonly<Record<string, Storage>>,
  options: Partial<CoordinatorOptions> = {},
): Promise<string[]> {
  const list = Object.entries(replicas).map(([id, storage]) => ({ id, storage }))
  const app = createCoordinator(list, { createHasher, ...options })
  return await startServer((request) => app.fetch(request))
}

/** The same for any server. */
export async function startServer(
  answer: (request: Request) => Response | Promise<Response>,
): Promise<string[]> {
  const served = await serve(answer, { host: '127.0.0.1', port: 0 })
  onTestFinished(async () => {
    // The first call waits for responses under way, the second aborts them.
    served.close()
    await served.close()
  })
  return ['--coordinator', served.url]
}

/** SHA-256 in hexadecimal. */
export function hash(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}

/** The header fields of a coordinator's response with `content`, whole or from `from`. */
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
