import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { coordinate } from '../../functions/coordinator/set-up.suite.ts'
import { hash, toBytes } from '../../functions/storage/suite/set-up.suite.ts'
import { createNoise, describeOne, readBytes } from '../../functions/storage/suite/suite-tools.suite.ts'
import { createTestDirectory, later, openStorage, type TestDirectory } from './directory-setup.suite.ts'
import type { WritableDirectoryStorage } from './directory-storage.ts'
import { openSqliteLedger } from './ledger/sqlite-ledger.ts'
import { READ_BYTES } from './limits.ts'
import { find, forge, forget, readSpans } from './tree/tree-survey.suite.ts'

// No test can change bytes and leave no trace in the times: the index is given other digests.

let directory: TestDirectory
beforeEach(async () => {
  directory = await createTestDirectory()
})
afterEach(() => directory.close())

const WAS = 'ab'.repeat(32)

function open() {
  return openStorage(directory.root, { now: later, indexPath: directory.indexPath })
}

describe.each([
  ['a small file', 5],
  ['a file that is read in one call', READ_BYTES],
  ['a file that is hashed in a thread', 3 * READ_BYTES + 1],
])('silent rot of %s', (_what, size) => {
  const bytes = createNoise(size)

  beforeEach(async () => {
    await directory.write('b', bytes)
    for (const name of ['a', 'c']) await directory.write(name, toBytes(name))
    forge(directory, 'b', WAS)
  })

  it('is found only by a deep survey, which reports the digest now and before', async () => {
    const storage = open()
    expect((await find(storage))[1]).toMatchObject({ name: 'b', said: { digest: WAS } })
    const found = await find(storage, { maxAge: 0 })
    const said = { size, digest: await hash(bytes) }
    expect(found).toMatchObject([{ name: 'a' }, { name: 'b', said }, { name: 'c' }])
    expect(found.map(({ rottedFrom }) => rottedFrom)).toEqual([undefined, WAS, undefined])
    expect(found.map(({ goodAt }) => goodAt)).toEqual([undefined, expect.any(Number), undefined])
  })

  it('leaves its span without a fingerprint in a deep survey', async () => {
    const ranges = [
      { after: '', until: 'a' },
      { after: 'a', until: null },
    ]
    const [first, second] = await readSpans(open(), { maxAge: 0, ranges, grain: 30 })
    expect(first?.fingerprint).toMatch(/^[0-9a-f]{64}$/)
    expect(second).toMatchObject({ names: 2, fingerprint: null })
  })

  it('is reported once: from then on every answer has the digest of the bytes', async () => {
    const storage = open()
    expect(await describeOne(storage, 'b')).toMatchObject({ digest: WAS })
    await find(storage, { maxAge: 0 })
    const digest = await hash(bytes)
    expect(await describeOne(storage, 'b')).toMatchObject({ digest })
    await storage.close()
    const again = open()
    expect((await find(again))[1]).toMatchObject({ name: 'b', said: { digest } })
    expect((await find(again, { maxAge: 0 }))[1]?.rottedFrom).toBeUndefined()
    expect(again.counts()).toMatchObject({ computed: 3 })
  })

  it('is corrected by a deep survey when only memory still has the digest', async () => {
    const storage = open()
    expect(await describeOne(storage, 'b')).toMatchObject({ digest: WAS })
    forget(directory, 'b')
    const digest = await hash(bytes)
    expect((await find(storage, { maxAge: 0 }))[1]).toMatchObject({ said: { digest } })
    expect(await describeOne(storage, 'b')).toMatchObject({ digest })
  })
})

describe('a plan that repairs rot', () => {
  const toRequest = (policy: string) => ({
    ...{ prefix: '', match: [], exclude: [] },
    rules: [{ prefix: '', policy }],
  })

  it.each([
    ['verification', '/verify', {}],
    ['plan that read bytes and was not applied', '/plan?max-age=0', toRequest('repair')],
  ])(
    'writes the sound copy over what an earlier %s found, and keeps the bad bytes',
    async (_, path, request) => {
      const other = await createTestDirectory()
      const ledger = openSqliteLedger(join(directory.indexPath, 'ledger.sqlite'))
      onTestFinished(async () => {
        ledger.close()
        await other.close()
      })
      const [good, bad] = [toBytes('good'), toBytes('rot!')]
      for (const [name, ours, theirs] of [
        ['rotten', bad, good],
        ['differs', good, bad],
        ['only rotten', bad, null],
      ] as const) {
        await directory.write(name, ours)
        if (theirs !== null) await other.write(name, theirs)
      }
      for (const name of ['rotten', 'only rotten']) forge(directory, name, await hash(good))

      let storages: WritableDirectoryStorage[] = []
      /** A coordinator that has just started, after the one before has written its indexes and ended. */
      const start = async () => {
        for (const storage of storages) await storage.close()
        storages = [directory, other].map(({ root, indexPath }) =>
          openStorage(root, { now: later, indexPath, writable: true }),
        )
        const app = coordinate(storages, { ledger, writable: true })
        const post = async (path: string, body: unknown) => {
          const headers = { 'Content-Type': 'application/json' }
          return await (
            await app.request(path, { method: 'POST', headers, body: JSON.stringify(body) })
          ).text()
        }
        return { app, post, storage: storages[0] }
      }
      await (await start()).post(path, request)
      // An ordinary audit in between sees a plain difference.
      expect(await (await (await start()).app.request('/audit')).text()).not.toContain('rottedFrom')

      const { post, storage } = await start()
      expect(JSON.parse(await post('/plan', toRequest('fill-missing')))).toMatchObject({
        summary: { left: 2 },
      })
      const plan = JSON.parse(await post('/plan', toRequest('repair')))
      expect(plan).toMatchObject({
        steps: [
          { name: 'rotten', to: 'server1', digest: await hash(good), seen: { server1: await hash(bad) } },
        ],
        summary: { steps: 1, left: 2 },
      })
      expect(await post('/apply', plan)).toContain('"outcome":"done"')
      if (storage === undefined) throw new Error('there are two')
      expect(await readBytes(storage, 'rotten')).toEqual(good)
      const digest = await hash(bad)
      expect((await storage.listKept()).entries).toMatchObject([{ name: 'rotten', digest }])
      await storage.restore('rotten', { digest, replaces: await hash(good) })
      expect(await readBytes(storage, 'rotten')).toEqual(bad)
    },
  )
})
