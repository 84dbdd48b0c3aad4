import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createMember } from '../../functions/coordinator/ask/member.ts'
import { createObjectStorage } from '../../functions/storage/objects/object-storage.ts'
import { toBytes } from '../../functions/storage/suite/set-up.suite.ts'
import { expectTrouble, readBytes } from '../../functions/storage/suite/suite-tools.suite.ts'
import { createStaticWeb } from '../../functions/storage/web/static-web.ts'
import { BREAKER_FAILURES } from '../../functions/wire/limits.ts'
import { createHasher } from '../../runtime/node/hasher.ts'
import { createSend } from '../../runtime/node/http/http-client.ts'
import { createTemporaryDirectory } from '../../runtime/node/temporary-directory.suite.ts'
import { hasProgram } from '../operating/operating.suite.ts'
import {
  startApache,
  startCaddy,
  startLighttpd,
  startNginx,
  startPython,
  type WebServer,
} from './web-servers.suite.ts'

// What web servers do that others do not, each with its own configuration on a port of its own.

const { path: scratch, remove } = createTemporaryDirectory('vouch-servers-')
const root = join(scratch, 'root')

beforeAll(() => {
  // Apache and lighttpd may give up root's rights.
  chmodSync(scratch, 0o755)
  const files = {
    'a.txt': 'content',
    plain: 'text',
    empty: '',
    'empty.txt': '',
    'page.html': '<p>',
    'dir/a': 'in',
    'pages/index.html': '<p>',
  }
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true })
    writeFileSync(join(root, name), text)
  }
  mkdirSync(join(root, 'nothing'))
})
afterAll(remove)

const open = ({ url }: WebServer) => {
  return createObjectStorage(createStaticWeb(`${url}/`, { fetch: createSend() }), { createHasher })
}

const SHOWING_INDEXES = 'location / { try_files $uri $uri/index.html =404; }'
const at = (name: string) => join(scratch, name)

const servers: [server: string, program: string, start: () => Promise<WebServer>][] = [
  ['Apache', 'apache2', () => startApache(at('apache'), root)],
  ['lighttpd', 'lighttpd', () => startLighttpd(at('lighttpd'), root)],
  ['nginx', 'nginx', () => startNginx(at('nginx'), root, '')],
  [
    'nginx that shows an index page without a slash',
    'nginx',
    () => startNginx(at('indexes'), root, SHOWING_INDEXES),
  ],
  ['Caddy that hides its directories', 'caddy', () => startCaddy(at('caddy'), root, 'file_server')],
  ['the web server of Python', 'python3', () => startPython(root)],
]

for (const [name, program, start] of servers) {
  describe.skipIf(!hasProgram(program, `files behind ${name}`))(`files behind ${name}`, () => {
    let server: WebServer
    beforeAll(async () => {
      server = await start()
    })
    afterAll(() => server.stop())

    it('are read, empty ones too', async () => {
      const storage = open(server)
      const names = ['a.txt', 'plain', 'empty', 'empty.txt', 'page.html', 'dir/a', 'pages/index.html']
      const sizes = (await Promise.all(storage.describe(names))).map((facts) => facts?.size)
      expect(sizes).toEqual([7, 4, 0, 0, 3, 2, 3])
      expect(await readBytes(storage, 'empty')).toEqual(toBytes(''))
      expect(await readBytes(storage, 'page.html')).toEqual(toBytes('<p>'))
    })

    it('are neither directories, nor below a file, nor missing', async () => {
      const storage = open(server)
      await Promise.all(storage.describe(['a.txt']))
      const names = ['dir', 'pages', 'nothing', 'a.txt/b', 'plain/b/c', 'missing', 'dir/missing']
      expect(await Promise.all(storage.describe(names))).toEqual(names.map(() => null))
    })

    it('are still requested after missing files and failed listings', async () => {
      const member = createMember({ id: 'web', storage: open(server) })
      for (let i = 0; i < 2 * BREAKER_FAILURES; i++) {
        await member.ask(`missing${i}`)
        await member.list({})
      }
      expect(member.breaker.state()).toBe('closed')
      expect((await member.ask('a.txt')).said).toMatchObject({ size: 7 })
      expect((await member.ask('missing')).said).toBeNull()
    })
  })
}

describe.skipIf(!hasProgram('caddy', 'a directory that a web server hides'))(
  'a directory that a web server hides',
  () => {
    it('may be unreachable until one of its files is seen, and again when that is removed', async () => {
      const directory = join(root, 'hidden')
      mkdirSync(directory)
      writeFileSync(join(directory, 'a'), 'content')
      const server = await startCaddy(at('hiding'), directory, 'file_server')
      try {
        const storage = open(server)
        const describe = (name: string) =>
          storage.describe([name])[0] ?? Promise.reject(new Error('no answer'))
        await expectTrouble(describe('missing'), 'unreadable')
        expect(await describe('a')).toMatchObject({ size: 7 })
        expect(await describe('missing')).toBeNull()
        rmSync(directory, { recursive: true })
        await expectTrouble(describe('missing'), 'unreadable')
        await expectTrouble(describe('a'), 'unreadable')
      } finally {
        await server.stop()
      }
    })
  },
)
