import { createHash } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { expect } from 'vitest'
import { createTemporaryDirectory } from '../../runtime/node/temporary-directory.suite.ts'

/** What each replica holds, by id and name. */
export type Trees = Readonly<Record<string, Readonly<Record<string, string | Uint8Array>>>>

/** A coordinator over running replicas. */
export interface World {
  /** Sends a request to the coordinator. */
  fetch(path: string, init?: RequestInit): Promise<Response>
  /** Makes a replica unreachable from now on. */
  stop(id: string): Promise<void>
  close(): Promise<void>
}

/** A world that listens on a socket. */
export interface SocketWorld extends World {
  readonly url: string
}

/** Starts a coordinator over replicas with these files, in the order of their ids. */
export type StartWorld = (trees: Trees) => Promise<World>

/** Writes each tree to a directory of its own beside a file called `secret.txt`, which no replica holds. */
export async function writeTrees(trees: Trees): Promise<{ paths: Record<string, string>; remove(): void }> {
  const { path: root, remove } = createTemporaryDirectory('vouch-scenario-')
  await writeFile(join(root, 'secret.txt'), 'secret')
  const paths = Object.fromEntries(Object.keys(trees).map((id) => [id, join(root, id)]))
  for (const [id, files] of Object.entries(trees)) {
    await mkdir(join(root, id))
    for (const [name, content] of Object.entries(files)) {
      const path = join(root, id, name)
      await mkdir(dirname(path), { recursive: true })
      await writeFile(path, content)
    }
  }
  return { paths, remove }
}

/** Bytes that differ from the start for each length and seed. */
export function makeBytes(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length)
  let x = seed
  for (let i = 0; i < length; i++) {
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    bytes[i] = x
  }
  return bytes
}

/** SHA-256 in lower-case hex, and as `Repr-Digest` has it. */
export function hash(content: string | Uint8Array): { hex: string; field: string } {
  const bytes = createHash('sha256').update(content).digest()
  return { hex: bytes.toString('hex'), field: `sha-256=:${bytes.toString('base64')}:` }
}

/** The body as bytes. Rejects when the answer breaks off. */
export async function readBytes(response: Response): Promise<Buffer> {
  return Buffer.from(await response.arrayBuffer())
}

/** A problem document: valid, with the answer's status, and without details of the code. */
export async function readProblem(response: Response): Promise<Record<string, unknown>> {
  expect(response.headers.get('Content-Type')).toBe('application/problem+json')
  expect(response.headers.get('Cache-Control')).toBe('no-store')
  const text = await response.text()
  expect(text).not.toMatch(/\bat \S+ \(|node_modules|\.[tj]s:\d/)
  const problem = JSON.parse(text)
  expect(problem.status).toBe(response.status)
  return problem
}

/** A part of a multipart body. */
export interface Part {
  readonly headers: Headers
  readonly content: Buffer
}

/**
 * The parts of a `multipart/mixed` answer (RFC 2046 §5.1.1), read by its delimiters alone and with nothing
 * between.
 */
export async function readParts(response: Response): Promise<Part[]> {
  const boundary = /^multipart\/mixed; boundary="([^"]+)"$/.exec(
    response.headers.get('Content-Type') ?? '',
  )?.[1]
  const body = await readBytes(response)
  expect(body.length).toBe(Number(response.headers.get('Content-Length')))
  const pieces = split(body, Buffer.from(`\r\n--${boundary}`))
  expect(pieces.shift()?.toString()).toBe('')
  expect(pieces.pop()?.toString()).toBe('--\r\n')
  return pieces.map(toPart)
}

function split(body: Buffer, delimiter: Buffer): Buffer[] {
  const pieces: Buffer[] = []
  let start = 0
  for (let at = body.indexOf(delimiter); at >= 0; at = body.indexOf(delimiter, start)) {
    pieces.push(body.subarray(start, at))
    start = at + delimiter.length
  }
  return [...pieces, body.subarray(start)]
}

function toPart(piece: Buffer): Part {
  const end = piece.indexOf('\r\n\r\n')
  expect(piece.subarray(0, 2).toString()).toBe('\r\n')
  expect(end).toBeGreaterThan(0)
  const lines = piece.subarray(2, end).toString().split('\r\n')
  const headers = new Headers(
    lines.map((line): [string, string] => {
      const [, name = '', value = ''] =
        /^([!-9;-~]+): (.*)$/.exec(line) ?? expect.fail(`'${line}' is no header field`)
      return [name, value]
    }),
  )
  const content = piece.subarray(end + 4)
  expect(headers.get('Content-Length')).toBe(String(content.length))
  return { headers, content }
}
