import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { hash, toBytes } from '../../functions/storage/suite/set-up.suite.ts'
import { createNoise, describeOne } from '../../functions/storage/suite/suite-tools.suite.ts'
import { createTestDirectory, later, openStorage, type TestDirectory } from './directory-setup.suite.ts'
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
