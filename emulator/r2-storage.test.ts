import { Log, LogLevel, Miniflare } from 'miniflare'
import { afterAll, beforeAll } from 'vitest'
import { createRemoteStorage } from '../functions/storage/remote.ts'
import { describeStorage } from '../functions/storage/storage.suite.ts'
import { hash } from '../functions/storage/suite-tools.suite.ts'
import { toBytes } from '../functions/wire/digest.ts'
import { bundle } from './bundle.ts'
import { passOutputOn } from './runtime-output.ts'

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
    host: '127.0.0.1',
    cf: false,
    telemetry: { enabled: false },
    log: new Log(LogLevel.NONE),
    handleRuntimeStdio: passOutputOn,
    workers: [toWorker('whole', 'r2://FILES'), toWorker('folder', 'r2://FILES/some/where')],
  })
})
afterAll(() => miniflare.dispose())

const TOKEN = 'a-token-that-nobody-guesses'

async function clear() {
  const bucket = await miniflare.getR2Bucket('FILES', 'whole')
  for (;;) {
    const { objects } = await bucket.list()
    if (objects.length === 0) return bucket
    await bucket.delete(objects.map(({ key }) => key))
  }
}

for (const isStoring of [true, false]) {
  for (const [worker, root] of [
    ['whole', ''],
    ['folder', 'some/where/'],
  ]) {
    const title = `a ${worker} of a bucket of R2${isStoring ? ' that keeps digests' : ''}, through workerd`
    describeStorage(title, async () => {
      const bucket = await clear()
      await bucket.put('elsewhere', 'nothing of ours')
      const { origin } = await miniflare.unsafeGetDirectURL(worker)
      return {
        storage: createRemoteStorage(origin, { token: () => TOKEN }),
        async write(name, bytes) {
          const content = new Uint8Array(bytes)
          await bucket.put(root + name, content, isStoring ? { sha256: toBytes(await hash(content)) } : {})
        },
        remove: (name) => bucket.delete(root + name),
        writable: true,
        seesChanges: false,
        close: async () => {},
      }
    })
  }
}
