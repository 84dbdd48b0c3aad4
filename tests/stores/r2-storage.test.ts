import { Log, LogLevel, Miniflare } from 'miniflare'
import { afterAll, beforeAll, vi } from 'vitest'
import { openBucket } from '../../emulator/bucket.ts'
import { bundle } from '../../emulator/bundle.ts'
import { passOutputOn } from '../../emulator/runtime-output.ts'
import { createRemoteStorage } from '../../functions/storage/remote/remote.ts'
import { hash } from '../../functions/storage/suite/set-up.suite.ts'
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
  const bucket = await openBucket(miniflare, 'FILES', 'whole')
  for (;;) {
    const { objects } = await bucket.list()
    if (objects.length === 0) return bucket
    await bucket.delete(objects.map(({ key }) => key))
  }
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
    const bucket = await clear()
    if (root !== '') await bucket.put('elsewhere', 'no file of the folder')
    const { origin } = await miniflare.unsafeGetDirectURL(worker)
    return {
      storage: createRemoteStorage(origin, { token: () => TOKEN }),
      async write(name, bytes) {
        const content = new Uint8Array(bytes)
        await bucket.put(root + name, content, isStoring ? { sha256: await hash(content) } : {})
      },
      remove: (name) => bucket.delete(root + name),
      writable: true,
      seesChanges: false,
      holdsLongSegments: true,
      refusesMoves: true,
      async plant() {
        for (const { example } of UNLISTED) await bucket.put(root + example, 'x')
        await bucket.put(`${root}folder/`, '')
        return [...UNLISTED, { kind: 'folder-marker', example: 'folder/' }]
      },
      close: async () => {},
    }
  })
}
