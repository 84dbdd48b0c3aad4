import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { Miniflare } from 'miniflare'
import { afterAll, beforeAll, vi } from 'vitest'
import { bundle } from '../../emulator/bundle.ts'
import { RUNTIME } from '../../emulator/runtime-output.ts'
import { createRemoteStorage } from '../../functions/storage/remote/remote.ts'
import { hash, toBytes } from '../../functions/storage/suite/set-up.suite.ts'
import { describeStorage } from '../../functions/storage/suite/storage.suite.ts'
import { UNLISTED } from '../../functions/storage/suite/suite-tools.suite.ts'

// A test that times out leaves its writes to the next one, and the simulation is slow on a busy machine.
vi.setConfig({ testTimeout: 180_000 })

let miniflare: Miniflare

beforeAll(async () => {
  const script = await bundle('runtime/workers/replica.ts')
  const toWorker = (name: string, STORAGE: string) => ({
    name,
    modules: [{ type: 'ESModule' as const, path: `${name}.mjs`, contents: script }],
    compatibilityDate: '2026-01-01',
    bindings: { STORAGE, TOKEN, WRITABLE: 'true' },
    r2Buckets: { FILES: 'files' },
    unsafeDirectSockets: [{ host: '127.0.0.1', port: 0 }],
  })
  miniflare = new Miniflare({
    ...RUNTIME,
    workers: [toWorker('whole', 'r2://FILES'), toWorker('folder', 'r2://FILES/some/where'), FILLER],
  })
})
afterAll(() => miniflare.dispose())

const TOKEN = 'a-token-that-nobody-guesses'

/**
 * Fills the bucket: each call of a binding from outside of workerd costs several times what a request to a
 * Worker does.
 */
const FILLER = {
  name: 'filler',
  modules: true,
  script: `export default {
    async fetch(request, { FILES }) {
      const parameters = new URL(request.url).searchParams
      const key = parameters.get('key')
      if (request.method === 'PUT') await FILES.put(key, await request.arrayBuffer(), { sha256: parameters.get('sha256') ?? undefined })
      else if (key !== null) await FILES.delete(key)
      else for (let keys; (keys = (await FILES.list()).objects.map(({ key }) => key)).length > 0; ) await FILES.delete(keys)
      return new Response()
    }
  }`,
  compatibilityDate: '2026-01-01',
  r2Buckets: { FILES: 'files' },
  unsafeDirectSockets: [{ host: '127.0.0.1', port: 0 }],
}

/** Puts or deletes an object, or deletes all of them. */
async function fill(
  method: 'PUT' | 'DELETE',
  key?: string,
  content?: Uint8Array,
  sha256?: string,
): Promise<void> {
  const url = await miniflare.unsafeGetDirectURL('filler')
  if (key !== undefined) url.searchParams.set('key', key)
  if (sha256 !== undefined) url.searchParams.set('sha256', sha256)
  // A connection of its own: workerd ends idle ones after some seconds, which a busy machine may notice as it
  // sends the next.
  const sent = request(url, { method, agent: false }).end(content)
  const [response]: IncomingMessage[] = await once(sent, 'response')
  response?.resume()
  if (response?.statusCode !== 200) throw new Error(`the bucket was not filled with ${key}`)
}

describeBucket('a bucket of R2 that keeps digests, through workerd', {
  worker: 'whole',
  root: '',
  isStoring: true,
})
describeBucket('a bucket of R2 that keeps none, through workerd', {
  worker: 'whole',
  root: '',
  isStoring: false,
})

interface BucketOptions {
  readonly worker: string
  readonly root: string
  /** Whether objects are put into the bucket with their digest. */
  readonly isStoring: boolean
}

function describeBucket(title: string, { worker, root, isStoring }: BucketOptions): void {
  describeStorage(title, async () => {
    await fill('DELETE')
    if (root !== '') await fill('PUT', 'elsewhere', toBytes('no file of the folder'))
    const { origin } = await miniflare.unsafeGetDirectURL(worker)
    return {
      storage: createRemoteStorage(origin, { token: () => TOKEN }),
      async write(name, bytes) {
        await fill('PUT', root + name, bytes, isStoring ? await hash(new Uint8Array(bytes)) : undefined)
      },
      remove: (name) => fill('DELETE', root + name),
      writable: true,
      seesChanges: false,
      holdsLongSegments: true,
      refusesMoves: true,
      async plant() {
        for (const { example } of UNLISTED) await fill('PUT', root + example, toBytes('x'))
        await fill('PUT', `${root}folder/`, new Uint8Array())
        return [...UNLISTED, { kind: 'folder-marker', example: 'folder/' }]
      },
      close: async () => {},
    }
  })
}
