import { execFileSync } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { expect } from 'vitest'
import { createTemporaryDirectory } from '../../runtime/node/temporary-directory.suite.ts'

/** The content of `honest.txt`. */
export const HONEST = 'an honest file'

/** A directory to serve, from which every escape leads to the canary. */
export interface Trap {
  readonly root: string
  /** SHA-256 of the canary: entries below `.vouch/kept` under it lead outside. */
  readonly canaryDigest: string
  /** Asserts that an answer, of whatever kind, contains neither the canary's bytes nor their digest. */
  expectNoCanary(answer: string | Uint8Array, of: string): void
  /** Asserts that nothing outside the root changed. */
  expectUntouched(): void
  /** Swaps `swapped/` and `swapped.txt` for links to the outside and back, until `stop`. */
  startSwapping(): Promise<{ stop(): Promise<unknown> }>
  close(): Promise<void>
}

/** Makes the trap in a temporary directory; `close` removes it. */
export async function writeTrap(): Promise<Trap> {
  const { path: base, remove } = createTemporaryDirectory('vouch-trap-')
  const root = join(base, 'root')
  const canary = `canary-${randomUUID()}`
  for (const path of ['root/dir', 'root/.vouch', 'root/swapped', 'root-sibling', 'outside'])
    mkdirSync(join(base, path), { recursive: true })
  for (const path of ['canary.txt', 'root/.vouch/secret.txt', 'root-sibling/canary.txt', 'outside/file.txt'])
    writeFileSync(join(base, path), canary)
  for (const path of ['honest.txt', 'dir/file.txt', 'swapped/file.txt', 'swapped.txt'])
    writeFileSync(join(root, path), HONEST)
  writeLinks(root, base)
  const hash = createHash('sha256').update(canary)
  const canaryDigest = hash.copy().digest('hex')
  writeKept(root, canaryDigest)
  for (const path of ['fifo', 'dir/fifo', `.vouch/kept/${canaryDigest}/fifo`])
    execFileSync('mkfifo', [join(root, path)])
  const socket = createServer().listen(join(root, 'socket'))
  await once(socket, 'listening')

  const listOwn = () => readdirSync(join(root, '.vouch'), { encoding: 'utf8', recursive: true }).sort()
  const own = listOwn()
  const leaks = [canary, ...(['hex', 'base64'] as const).map((form) => hash.copy().digest(form))]
  return {
    root,
    canaryDigest,
    expectNoCanary(answer, of) {
      const text = typeof answer === 'string' ? answer : Buffer.from(answer).toString('latin1')
      expect(
        leaks.filter((leak) => text.includes(leak)),
        `told by ${of.slice(0, 80)}`,
      ).toEqual([])
    },
    expectUntouched() {
      expect(readdirSync(base).sort()).toEqual(['canary.txt', 'outside', 'root', 'root-sibling'])
      expect(readdirSync(join(base, 'outside'))).toEqual(['file.txt'])
      // Drafts of writes lie in `tmp` while they are written, and their owner's lock; the first write makes
      // the marker.
      const isOrdinary = (path: string) => path === 'replica' || /^tmp(\/[-0-9a-f]{36}\.lock)?$/.test(path)
      expect(listOwn().filter((path) => !isOrdinary(path))).toEqual(own)
      for (const path of [
        'canary.txt',
        'root/.vouch/secret.txt',
        'root-sibling/canary.txt',
        'outside/file.txt',
      ])
        expect(readFileSync(join(base, path), 'utf8')).toBe(canary)
    },
    async startSwapping() {
      const worker = new Worker(SWAP, { eval: true, workerData: { root, outside: join(base, 'outside') } })
      await once(worker, 'message')
      return { stop: () => worker.terminate() }
    },
    async close() {
      socket.close()
      remove()
    },
  }
}

function writeLinks(root: string, base: string): void {
  const links = {
    'link.txt': '../canary.txt',
    'absolute-link.txt': join(base, 'canary.txt'),
    'link-dir': '..',
    'dir/link-up': '../..',
    'vouch-link': '.vouch',
    proc: '/proc',
    loop: 'loop',
    dangling: '../nowhere',
  }
  for (const [path, target] of Object.entries(links)) symlinkSync(target, join(root, path))
}

/** Contents that seem to be kept, although none is a file below the root. */
function writeKept(root: string, digest: string): void {
  for (const shelf of ['kept', 'kept.1']) mkdirSync(join(root, '.vouch', shelf))
  mkdirSync(join(root, '.vouch/kept', digest))
  symlinkSync('../../../../canary.txt', join(root, '.vouch/kept', digest, 'file.txt'))
  symlinkSync('../../../../outside', join(root, '.vouch/kept', digest, 'outside'))
  symlinkSync('../../../outside', join(root, '.vouch/kept.1', digest))
}

const SWAP = `
  const { renameSync, symlinkSync, unlinkSync, writeFileSync } = require('node:fs')
  const { workerData: { root, outside }, parentPort } = require('node:worker_threads')
  const [dir, file, link, fresh] = ['swapped', 'swapped.txt', 'link.new', 'file.new'].map((path) => root + '/' + path)
  parentPort.postMessage('ready')
  for (;;) {
    renameSync(dir, dir + '.aside')
    symlinkSync(outside, dir)
    symlinkSync(outside + '/file.txt', link)
    renameSync(link, file)
    unlinkSync(dir)
    renameSync(dir + '.aside', dir)
    writeFileSync(fresh, ${JSON.stringify(HONEST)})
    renameSync(fresh, file)
  }
`

/**
 * What a server answers to exactly these bytes, up to the end of the connection; one character a byte. The
 * bytes ask the server to close it. A server that refuses before it has read everything may reset it, answer
 * and all.
 */
export async function sendRaw(port: number, bytes: string): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port })
  const chunks: Buffer[] = []
  try {
    await once(socket, 'connect')
    // Not `end`: Node's server gives up on a client that closes its half.
    socket.write(Buffer.from(bytes, 'latin1'))
    for await (const chunk of socket) chunks.push(chunk)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && ['ECONNRESET', 'EPIPE'].includes(String(error.code))))
      throw error
  } finally {
    socket.destroy()
  }
  return Buffer.concat(chunks).toString('latin1')
}
