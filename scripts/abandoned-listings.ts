import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { Agent, get } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { buffer } from 'node:stream/consumers'
import { pathToFileURL } from 'node:url'

// Has a replica server list a directory of very many names for clients that leave at once, and sees what a
// read, a listing and the server's memory cost after that: `node scripts/abandoned-listings.ts`.

/** The figures of the server; milliseconds and MiB. */
export interface AbandonedListings {
  /**
   * The median of reads while nothing else happens, and of those from the moment on when all clients have
   * left.
   */
  readonly quietRead: number
  readonly read: number
  /** A listing while nothing else happens, and from that moment on. */
  readonly quietListing: number
  readonly listing: number
  /** Resident memory before and after. */
  readonly memoryBefore: number
  readonly memoryAfter: number
}

export interface AbandonedListingsOptions {
  /** The module of the command. */
  readonly program: string
  readonly names: number
  readonly clients: number
}

/** Fewer than a file of ext4 may have names. */
const LINKS = 60_000

const READS = 200

/** Makes the tree and the server, and removes both. */
export async function abandonListings(options: AbandonedListingsOptions): Promise<AbandonedListings> {
  const directory = mkdtempSync(join(tmpdir(), 'vouch-'))
  let server: ChildProcess | undefined
  try {
    const root = makeTree(directory, options.names)
    const cache = { ...process.env, XDG_CACHE_HOME: join(directory, 'cache') }
    const args = [options.program, 'replica', root, '--port', '0']
    server = spawn(process.execPath, args, { env: cache, stdio: ['ignore', 'pipe', 'pipe'] })
    const lines = readLines(server)
    const port = Number(await lines.find(/http:\/\/127\.0\.0\.1:(\d+)/))
    await lines.find(/(\d+) of them hashed now/)
    return await measure(server, port, options.clients)
  } finally {
    if (server?.exitCode === null) {
      server.kill()
      await once(server, 'exit')
    }
    rmSync(directory, { recursive: true })
  }
}

function makeTree(directory: string, names: number): string {
  const root = join(directory, 'root')
  mkdirSync(join(root, 'large'), { recursive: true })
  writeFileSync(join(root, 'read.txt'), 'hello')
  const toPath = (i: number) => join(root, 'large', String(i).padStart(8, '0'))
  for (let i = 0; i < names; i++) {
    if (i % LINKS === 0) closeSync(openSync(toPath(i), 'w'))
    else linkSync(toPath(i - (i % LINKS)), toPath(i))
  }
  return root
}

/** The output of the server, on either stream. */
function readLines(server: ChildProcess) {
  const lines: string[] = []
  let isEnded = false
  let news = Promise.withResolvers<void>()
  const tell = () => {
    news.resolve()
    news = Promise.withResolvers()
  }
  server.once('exit', () => {
    isEnded = true
    tell()
  })
  for (const stream of [server.stdout, server.stderr]) {
    if (stream === null) continue
    createInterface(stream).on('line', (line) => {
      lines.push(line)
      tell()
    })
  }
  return {
    /** What the group of the pattern matches in a line that was said or will be. */
    async find(pattern: RegExp): Promise<string> {
      for (;;) {
        for (const line of lines) {
          const [, found] = pattern.exec(line) ?? []
          if (found !== undefined && !line.includes('so far')) return found
        }
        if (isEnded) throw new Error(`the server ended before it said ${pattern}: ${lines.join(' | ')}`)
        await news.promise
      }
    },
  }
}

async function measure(server: ChildProcess, port: number, clients: number): Promise<AbandonedListings> {
  const agent = new Agent({ keepAlive: true })
  const time = async (path: string) => {
    const start = performance.now()
    const [response] = await once(get({ host: '127.0.0.1', port, path, agent }), 'response')
    await buffer(response)
    if (response.statusCode !== 200) throw new Error(`GET ${path} was answered with ${response.statusCode}`)
    return performance.now() - start
  }
  const read = () => time('/files/read.txt')
  try {
    const readOften = async () => {
      const reads: number[] = []
      for (let i = 0; i < READS; i++) reads.push(await read())
      return reads.sort((a, b) => a - b)[READS / 2] ?? 0
    }
    // No page of another prefix is remembered for the listing that is measured later.
    const quietListing = await time('/files?prefix=large/&limit=1')
    await readOften()
    const quietRead = await readOften()
    const memoryBefore = readMemory(server)
    await Promise.all(Array.from({ length: clients }, () => leaveListing(port)))
    const readAfter = await readOften()
    const listing = await time('/files?limit=1')
    const memoryAfter = readMemory(server)
    return { quietRead, read: readAfter, quietListing, listing, memoryBefore, memoryAfter }
  } finally {
    agent.destroy()
  }
}

/** Asks for a listing and leaves once it was sent. */
async function leaveListing(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  await new Promise<void>((resolve) =>
    socket.write('GET /files?limit=1 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n', () => resolve()),
  )
  await new Promise((resolve) => setTimeout(resolve, 100))
  socket.destroy()
  await once(socket, 'close')
}

function readMemory({ pid }: ChildProcess): number {
  const [, kib = '0'] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kib) / 1024
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [
    ,
    ,
    program = join(import.meta.dirname, '../runtime/cli/vouch.ts'),
    names = '300000',
    clients = '100',
  ] = process.argv
  const seen = await abandonListings({ program, names: Number(names), clients: Number(clients) })
  const rows = Object.entries(seen).map(([what, amount]) => [what, Number(Number(amount).toFixed(2))])
  console.table(Object.fromEntries(rows))
}
