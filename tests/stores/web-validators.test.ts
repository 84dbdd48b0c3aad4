import { chmodSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { hash, toBytes } from '../../functions/storage/suite/set-up.suite.ts'
import { describeOne, readBytes } from '../../functions/storage/suite/suite-tools.suite.ts'
import { SEEN_AGAIN_MS } from '../../functions/wire/limits.ts'
import { openWebStorage } from '../../runtime/node/objects/open-stores.ts'
import { createTemporaryDirectory } from '../../runtime/node/temporary-directory.suite.ts'
import { hasProgram } from '../operating/operating.suite.ts'
import { startLighttpd, startNginx, startVarnish, type WebServer } from './web-servers.suite.ts'

// Stale validators of web servers and of caches before them, each with the real program.

const hasNginx = hasProgram('nginx', 'what a cache before a web server answers')
const hasLighttpd = hasProgram('lighttpd', 'validators that a web server shows late')
const hasVarnish = hasProgram('varnishd', 'what Varnish answers')

const { path: scratch, remove } = createTemporaryDirectory('vouch-validators-')
const root = join(scratch, 'root')
let made = 0

beforeAll(() => {
  // Servers may give up root's rights.
  chmodSync(scratch, 0o755)
  mkdirSync(root)
})
afterAll(remove)

const OLD = new Date('2020-02-02T02:02:02Z')
const NEW = new Date('2021-02-02T02:02:02Z')

function write(name: string, text: string, modified: Date): void {
  writeFileSync(join(root, name), text)
  utimesSync(join(root, name), modified, modified)
}

async function digestOf(text: string): Promise<string> {
  return await hash(toBytes(text))
}

/** Waits for at least `ms`: a timer may come a millisecond early. */
async function wait(ms: number): Promise<void> {
  const end = performance.now() + ms
  for (let left = ms; left > 0; left = end - performance.now())
    await new Promise((resolve) => setTimeout(resolve, left))
}

/** The storage over a server; its digests remain when it is opened again, as by another process. */
function openStore({ url }: WebServer) {
  const indexPath = join(scratch, `index${made++}`)
  const open = () => openWebStorage(`${url}/`, { indexPath, onNotice() {} })
  let store = open()
  onTestFinished(() => store.close())
  return {
    storage: () => store.storage,
    restart() {
      store.close()
      store = open()
    },
  }
}

type Store = ReturnType<typeof openStore>

async function expectText({ storage }: Store, name: string, text: string): Promise<void> {
  expect(await describeOne(storage(), name)).toMatchObject({ digest: await digestOf(text) })
  expect(await readBytes(storage(), name)).toEqual(toBytes(text))
}

describe.skipIf(!hasLighttpd)('lighttpd, which shows old validators beside new bytes', () => {
  let server: WebServer
  beforeAll(async () => {
    server = await startLighttpd(join(scratch, 'lighttpd'), root)
  })
  afterAll(() => server.stop())

  /**
   * Has the new bytes read under the old validators, which the server may show no longer: then it is tried
   * again.
   */
  async function readMixed({ storage }: Store, name: string): Promise<void> {
    for (let i = 0; i < 20; i++) {
      write(name, 'old', OLD)
      await wait(1100)
      await fetch(`${server.url}/${name}`, { method: 'HEAD' })
      write(name, 'new', NEW)
      // Its clock may tick between two requests, which is an error.
      const facts = await describeOne(storage(), name).catch((error) => {
        expect(error).toMatchObject({ code: 'changed' })
        return null
      })
      if (facts === null) continue
      expect(facts.digest).toBe(await digestOf('new'))
      if (facts.modified === OLD.getTime()) return
    }
    throw new Error('the server showed the new validators each time')
  }

  it('is believed in the bytes that it sends when an earlier content comes back with its time, also after a restart', async () => {
    const store = openStore(server)
    const name = 'file.txt'
    await readMixed(store, name)
    write(name, 'old', OLD)
    await wait(1100)
    await expectText(store, name, 'old')
    store.restart()
    await expectText(store, name, 'old')
    // Now its validators are believed, and the remembered digest is right.
    await wait(SEEN_AGAIN_MS)
    await expectText(store, name, 'old')
    store.restart()
    await expectText(store, name, 'old')
  }, 30_000)

  it('is read twice, and believed from then on, also after a restart', async () => {
    const store = openStore(server)
    write('twice.txt', 'old', OLD)
    await wait(1100)
    const evidence: (string | undefined)[] = []
    for (let i = 0; i < 3; i++) {
      evidence.push((await describeOne(store.storage(), 'twice.txt'))?.evidence)
      if (i < 1) await wait(SEEN_AGAIN_MS)
    }
    store.restart()
    evidence.push((await describeOne(store.storage(), 'twice.txt'))?.evidence)
    expect(evidence).toEqual(['read', 'read', 'remembered', 'remembered'])
    const facts = await store.storage().describe(['twice.txt'], { maxAge: 0 })[0]
    expect(facts).toMatchObject({ evidence: 'read', age: 0, digest: await digestOf('old') })
  }, 15_000)
})

describe.skipIf(!hasNginx)('a cache before a web server', () => {
  let origin: WebServer
  beforeAll(async () => {
    origin = await startNginx(join(scratch, 'origin'), root, '')
  })
  afterAll(() => origin.stop())

  const CACHE = `proxy_cache_path ${join(scratch, 'cached')} keys_zone=files:1m;`
  const toProxy = (more: string) => `location / { proxy_pass ${origin.url}; proxy_cache files;
    proxy_cache_key $server_port$uri; proxy_cache_valid any 60s; ${more} }`
  const SHOWING = 'add_header X-Cache-Status $upstream_cache_status always;'
  const PASSING = 'proxy_cache_bypass $http_cache_control;'
  const VCL_PASSING = 'sub vcl_recv { if (req.http.Cache-Control ~ "no-cache") { return (pass); } }'

  const caches: [
    cache: string,
    has: boolean,
    start: (at: string) => Promise<WebServer>,
    isPassing: boolean,
  ][] = [
    ['nginx that shows its hits', true, (at) => startNginx(at, root, toProxy(SHOWING), CACHE), false],
    ['nginx that passes no-cache', true, (at) => startNginx(at, root, toProxy(PASSING), CACHE), true],
    ['Varnish', hasVarnish, (at) => startVarnish(at, origin.url), false],
    ['Varnish that passes no-cache', hasVarnish, (at) => startVarnish(at, origin.url, VCL_PASSING), true],
  ]

  for (const [cache, has, startCache, isPassing] of caches) {
    it.skipIf(!has)(
      `(${cache}) is ${isPassing ? 'passed, and the bytes of now are read' : 'never believed'}, also after a restart`,
      async () => {
        const name = `behind${made++}`
        const server = await startCache(join(scratch, name))
        onTestFinished(() => server.stop())
        const store = openStore(server)
        write(name, 'one', OLD)
        // Another client makes the cache store it.
        expect(await (await fetch(`${server.url}/${name}`)).text()).toBe('one')
        expect((await fetch(`${server.url}/missing${name}`)).status).toBe(404)
        write(name, 'two', NEW)
        write(`missing${name}`, 'two', NEW)
        for (let i = 0; i < 2; i++) {
          for (const one of [name, `missing${name}`]) {
            if (isPassing) await expectText(store, one, 'two')
            else await expect(describeOne(store.storage(), one)).rejects.toThrow('answered from a cache')
          }
          store.restart()
        }
      },
      20_000,
    )
  }
})
