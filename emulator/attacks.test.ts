import { execFileSync } from 'node:child_process'
import { mkdirSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ServerProcess, startServer } from '../runtime/cli/process.suite.ts'

// Names that mean to leave the root, sent to real servers in raw bytes, so that no client makes them harmless.

const CANARY = 'what nobody outside may read'
const UP = [
  '..',
  '%2e%2e',
  '%2E.',
  '.%2e',
  '%252e%252e',
  '..%00',
  '%c0%ae%c0%ae',
  '%e0%80%ae%e0%80%ae',
  '\u2025',
  '%E2%80%A5',
  '%EF%BC%8E%EF%BC%8E',
  '..;',
  '...',
  '.. ',
]
const SLASHES = ['/', '%2f', '%2F', '%5c', '\\', '%252f', '%c0%af', '%e2%88%95', '%ef%bc%8f', '//', '/./']
const TARGETS = [
  ...UP.flatMap((up) =>
    SLASHES.flatMap((slash) => [`${up}${slash}secret`, `dir${slash}${up}${slash}${up}${slash}secret`]),
  ),
  '/etc/passwd',
  '%2fetc%2fpasswd',
  'C:/secret',
  'c:%5csecret',
  'file:///etc/passwd',
  '~/secret',
  '$HOME',
  '`id`',
  'CON',
  'NUL.txt',
  'aux',
  'COM1',
  'f::$DATA',
  'f%00.txt',
  '%00',
  'f%0d%0aX-Evil:%20yes',
  'f%0a',
  '%ff%fe',
  '%',
  '%zz',
  '%u002e',
  '.vouch/index',
  '.vouch',
  '%2evouch/tmp/x',
  './f',
  'f/',
  'f/.',
  'dir/',
  '',
  '?version=../secret',
  'f?version=..%2fsecret',
  'f?replica=..%2f..',
  `${'a'.repeat(255)}/${'b'.repeat(255)}`,
  'a'.repeat(256),
  'a/'.repeat(600),
  'a'.repeat(9000),
  '%41'.repeat(2000),
  'link',
  'linked/secret',
  'dir/link',
  'linked',
  'fifo',
  'socket',
  'dir',
  'e\u0301',
  '%C3%A9',
  'caf%65%CC%81',
  'f%20',
  ' f',
  'F',
]

let directory: string
let servers: ServerProcess[]
let socket: Server

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vouch-attacks-'))
  writeFileSync(join(directory, 'secret'), CANARY)
  for (const id of ['server1', 'server2']) writeTree(join(directory, id))
  socket = createServer().listen(join(directory, 'server1/socket'))
  const replica = await startServer(['replica', 'server2', '--id', 'server2'], directory)
  const words = ['--replica', 'server1=server1', '--replica', `server2=${replica.url}`]
  servers = [replica, await startServer(['coordinator', ...words], directory)]
})

afterAll(async () => {
  for (const server of servers) await server.stop()
  socket.close()
  rmSync(directory, { recursive: true })
})

function writeTree(root: string): void {
  mkdirSync(join(root, 'dir'), { recursive: true })
  writeFileSync(join(root, 'f'), 'harmless')
  writeFileSync(join(root, 'dir/secret'), 'harmless too')
  symlinkSync('../secret', join(root, 'link'))
  symlinkSync('../../secret', join(root, 'dir/link'))
  symlinkSync('..', join(root, 'linked'))
  execFileSync('mkfifo', [join(root, 'fifo')])
}

/** Everything that comes back for a target that is sent as it stands. */
async function ask(port: string, target: string, method = 'GET'): Promise<string> {
  const socket = connect(Number(port), '127.0.0.1')
  socket.on('error', () => {})
  socket.write(Buffer.from(`${method} ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`))
  return Buffer.concat(await socket.toArray().catch(() => [])).toString('latin1')
}

describe.each([
  ['replica', 0],
  ['coordinator', 1],
])('a %s', (_kind, at) => {
  const getPort = () => new URL(servers[at]?.url ?? '').port

  async function expectService(): Promise<void> {
    expect(await ask(getPort(), '/files/f')).toMatch(/^HTTP\/1\.1 200 .*harmless$/s)
  }

  it('gives nothing from outside its root, and never fails, whatever is asked for', async () => {
    for (const target of TARGETS) {
      for (const path of [
        `/files/${target}`,
        `/files/dir/${target}`,
        target.startsWith('/') ? target : `/${target}`,
      ]) {
        const answer = await ask(getPort(), path)
        expect(answer, path).not.toContain(CANARY)
        expect(answer, path).not.toMatch(/root:x|\bat \S+ \(|\nX-Evil/)
        expect(answer, path).toMatch(/^HTTP\/1\.1 (200|400|403|404|405|414|431|503) /)
        if (answer.startsWith('HTTP/1.1 200'))
          expect(answer, path).toMatch(/harmless|"status":"ok"|"entries"|"replicas"/)
      }
    }
    await expectService()
  }, 120_000)

  it('answers no method that it does not take', async () => {
    for (const method of ['DELETE', 'PUT', 'POST', 'PATCH', 'OPTIONS', 'PROPFIND', 'TRACE']) {
      expect(await ask(getPort(), '/files/f', method), method).toMatch(/^HTTP\/1\.1 (400|405) /)
    }
    await expectService()
  })
})

it('a directory that becomes a link to the outside while it is read shows nothing of it', async () => {
  const port = new URL(servers[1]?.url ?? '').port
  const dir = join(directory, 'server1/dir')
  let isOver = false
  const swapping = (async () => {
    while (!isOver) {
      renameSync(dir, `${dir}-away`)
      symlinkSync('..', dir)
      await new Promise(setImmediate)
      unlinkSync(dir)
      renameSync(`${dir}-away`, dir)
      await new Promise(setImmediate)
    }
  })()
  const isHarmless = (answer: string) => answer.endsWith('harmless too')
  const answers: string[] = []
  // As often as it takes to have met both, and then some.
  while (answers.length < 500 || answers.every(isHarmless) || !answers.some(isHarmless)) {
    answers.push(await ask(port, '/files/dir/secret?replica=server1'))
  }
  isOver = true
  await swapping
  for (const answer of answers) expect(answer).not.toContain(CANARY)
}, 60_000)
