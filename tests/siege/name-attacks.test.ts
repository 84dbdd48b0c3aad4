import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readAll, toChunks } from '../../functions/bytes/chunks.ts'
import { createCoordinator } from '../../functions/coordinator/coordinator.ts'
import { createReplica } from '../../functions/replica/replica.ts'
import { createMemoryStorage } from '../../functions/storage/memory.ts'
import { createRemoteStorage } from '../../functions/storage/remote/remote.ts'
import type { Storage } from '../../functions/storage/storage.ts'
import { StorageError } from '../../functions/wire/storage-error.ts'
import {
  createDirectoryStorage,
  type WritableDirectoryStorage,
} from '../../runtime/node/directory-storage.ts'
import { createHasher } from '../../runtime/node/hasher.ts'
import { type Served, serve } from '../../runtime/node/http/serve.ts'
import { ATTACKS, toNames } from './name-attacks.suite.ts'
import { HONEST, sendRaw, type Trap, writeTrap } from './name-attacks-trap.suite.ts'

/** The same names in the address of a file and in those of its pages. */
const TARGETS = ATTACKS.flatMap((target) =>
  ['/files/', '/compare/', '/keep/', '/restore/'].map((base) => target.replace('/files/', base)),
)

/** Reads of each name while it is swapped for a link; more, until both present and absent files were seen. */
const SWAPPED_READS = 200

let trap: Trap
let storage: WritableDirectoryStorage
let servers: Served[]

beforeAll(async () => {
  trap = await writeTrap()
  storage = createDirectoryStorage(trap.root, { indexPath: null, writable: true })
  const replica = createReplica(storage, { writable: true })
  const replicaServer = await serve((request) => replica.fetch(request), { host: '127.0.0.1', port: 0 })
  const coordinator = coordinate(storage, createRemoteStorage(replicaServer.url))
  servers = [
    await serve((request) => coordinator.fetch(request), { host: '127.0.0.1', port: 0 }),
    replicaServer,
  ]
})

afterAll(async () => {
  for (const server of servers) await server.close()
  await storage.close()
  await trap.close()
})

function coordinate(...storages: Storage[]) {
  const replicas = storages.map((storage, i) => ({ id: `r${i}`, storage }))
  return createCoordinator(replicas, { createHasher, writable: true })
}

/**
 * A refusal, never a failure of the server; a listing; or a file or a page that is served, where the target
 * names it once its dot segments are resolved as the URL standard has it, which the host may do before we see
 * it.
 */
function expectRefused(status: number, text: string, target: string): void {
  if (status === 200 && /^\/files\?/.test(target)) return
  if (status === 200) {
    const { pathname } = new URL(target, 'http://x')
    if (pathname === '/files/') return void expect(text).toContain('<title>Index of /files/</title>')
    if (pathname === '/files/dir/') return void expect(text).toContain('<title>Index of /files/dir/</title>')
    if (pathname === '/') return void expect(text).toContain('<h1>All files</h1>')
    if (/^\/compare\/(honest|dir\/file)\.txt$/.test(pathname))
      return void expect(text).toContain('The only version')
    if (/^\/restore\/(honest|dir\/file)\.txt$/.test(pathname))
      return void expect(text).toContain('keeps no replaced content of this file')
    expect(['/files/honest.txt', '/files/dir/file.txt']).toContain(pathname)
    expect(text.endsWith(HONEST)).toBe(true)
  } else {
    expect([400, 403, 404, 414, 431, 502, 503], `${status}: ${target.slice(0, 80)}`).toContain(status)
  }
}

async function expectService(): Promise<void> {
  for (const { url } of servers) expect(await (await fetch(`${url}/files/honest.txt`)).text()).toBe(HONEST)
}

const send = (server: Served, method: string, target: string, fields = '', body = '') =>
  sendRaw(
    server.port,
    `${method} ${target} HTTP/1.1\r\nHost: localhost\r\n${fields}Connection: close\r\n\r\n${body}`,
  )

describe('a name that reaches outside', () => {
  it('is refused by both apps, with any construction of the Request', async () => {
    const memory = createMemoryStorage({ 'honest.txt': HONEST, 'dir/file.txt': HONEST })
    const replica = createReplica(memory)
    const remote = createRemoteStorage('http://r.invalid', {
      fetch: async (url, init) => replica.fetch(new Request(url, init)),
    })
    for (const app of [replica, coordinate(memory, remote)]) {
      for (const target of TARGETS) {
        // As a host gives it: `new Request` alone would normalise the path.
        const url = { value: target.startsWith('/') ? `http://x${target}` : target }
        const response = await app.fetch(Object.defineProperty(new Request('http://x/'), 'url', url))
        expectRefused(response.status, await response.text(), target)
      }
    }
  })

  it('is absent or an error in a directory, described, opened and listed', async () => {
    const names = toNames()
    const described = await Promise.allSettled(storage.describe(names))
    for (const [i, name] of names.entries()) {
      const said = described[i]
      if (said?.status === 'fulfilled') trap.expectNoCanary(JSON.stringify(said.value), name)
      else expect(said?.reason).toBeInstanceOf(StorageError)
      trap.expectNoCanary(await open(name), name)
      trap.expectNoCanary(JSON.stringify(await storage.list({ prefix: name })), name)
    }
    const { entries } = await storage.list()
    expect(entries.map(({ name }) => name)).toEqual([
      'dir/file.txt',
      'honest.txt',
      'swapped.txt',
      'swapped/file.txt',
    ])
  })

  async function open(name: string): Promise<Uint8Array> {
    try {
      const opened = await storage.open(name)
      return opened ? await readAll(toChunks(opened.body)) : new Uint8Array()
    } catch (error) {
      expect(error).toBeInstanceOf(StorageError)
      return new Uint8Array()
    }
  }

  it('is refused by both servers, in any bytes over the socket', async () => {
    for (const server of servers) {
      for (const target of TARGETS) {
        const answer = await send(server, 'GET', target)
        trap.expectNoCanary(answer, target)
        if (!target.includes(trap.root)) expect(answer).not.toContain(trap.root)
        expectRefused(Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1]), answer, target)
      }
    }
    await expectService()
  })

  it('is absent or an error when a server describes it', async () => {
    const names = toNames()
    const [, replica] = servers
    const init = {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ names }),
    }
    const response = await fetch(`${replica?.url}/describe`, init)
    expect(response.status).toBe(200)
    const lines = await response.text()
    expect(lines.trim().split('\n')).toHaveLength(names.length)
    trap.expectNoCanary(lines, 'describe')
  })

  it('is never written to', async () => {
    const fields = [
      `Content-Length: ${HONEST.length}`,
      // Of HONEST.
      `Repr-Digest: ${(await fetch(`${servers[1]?.url}/files/honest.txt`)).headers.get('Repr-Digest')}`,
      'If-None-Match: *',
    ]
    for (const server of servers) {
      for (const target of ATTACKS) {
        const answer = await send(server, 'PUT', target, `${fields.join('\r\n')}\r\n`, HONEST)
        trap.expectNoCanary(answer, target)
        expect(answer, target.slice(0, 80)).toMatch(/^(HTTP\/1\.1 (201|4\d\d|50[23]) |$)/)
      }
    }
    trap.expectUntouched()
    await expectService()
  })

  it('is not among the kept contents, for any name or page', async () => {
    const { canaryDigest: digest } = trap
    const names = ['file.txt', 'outside/file.txt', 'fifo', 'secret.txt', ...toNames()]
    for (const { url } of servers) {
      for (const name of names) {
        for (const query of [
          { name },
          { after: name },
          { after: `${digest}/${name}` },
          { name, after: name },
        ]) {
          const target = `${url}/kept?${new URLSearchParams({ replica: 'r1', ...query })}`.slice(0, 8000)
          const { status, text } = await readWhole(target)
          trap.expectNoCanary(text, target)
          expect([200, 400], target).toContain(status)
          if (status === 200) expect(text).toContain('"entries":[]')
        }
      }
    }
  })

  it('is never restored, and no outside content is restored under a name', async () => {
    const names = ['file.txt', 'outside/file.txt', 'fifo', 'secret.txt', ...toNames()]
    const digests = [trap.canaryDigest, '..', `${'0'.repeat(62)}/.`, '../../canary.txt', '']
    for (const { url } of servers) {
      for (const name of names) {
        for (const digest of digests) {
          const body = JSON.stringify({ replica: 'r1', name, digest, replaces: null })
          const init = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body }
          const { status, text } = await readWhole(`${url}/restore`, init)
          trap.expectNoCanary(text, name)
          expect(text).not.toContain(trap.root)
          // 412: that name exists, which is refused before kept contents are searched.
          expect([400, 403, 404, 412, 413], `${status}: ${name.slice(0, 80)}`).toContain(status)
        }
      }
    }
    for (const name of names) {
      const restored = storage.restore(name, { digest: trap.canaryDigest, replaces: null })
      await expect(restored).rejects.toBeInstanceOf(StorageError)
    }
    trap.expectUntouched()
    await expectService()
  })

  it('is not reached by swapping a directory or a file for a link while it is read', async () => {
    const swapping = await trap.startSwapping()
    const seen = new Set<number>()
    try {
      for (let i = 0; i < SWAPPED_READS || seen.size < 2; i++) {
        const reads = servers.flatMap(({ url }) =>
          ['swapped/file.txt', 'swapped.txt'].map((name) => `${url}/files/${name}`),
        )
        for (const answer of await Promise.all(reads.map((url) => readWhole(url)))) {
          trap.expectNoCanary(answer.text, 'a swapped name')
          expect([200, 403, 404, 502, 503]).toContain(answer.status)
          if (answer.status === 200) expect(answer.text).toContain(HONEST)
          seen.add(answer.status)
        }
      }
    } finally {
      await swapping.stop()
    }
    await expectService()
  })

  async function readWhole(url: string, init?: RequestInit): Promise<{ status: number; text: string }> {
    const response = await fetch(url, init)
    return { status: response.status, text: `${[...response.headers].join('\n')}\n${await response.text()}` }
  }
})
