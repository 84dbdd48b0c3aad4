import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createReplica } from '../replica/replica.ts'
import type { Hasher } from '../wire/digest.ts'
import type { CreateSum } from '../wire/sums.ts'
import { createMemoryStorage } from './memory.ts'
import { createRemoteStorage } from './remote/remote.ts'
import type { Storage } from './storage.ts'
import { createTestHasher } from './suite/set-up.suite.ts'
import { expectTrouble } from './suite/suite-tools.suite.ts'
import { createDescribeSums } from './sums.ts'

const createSum: CreateSum = (algorithm) => {
  if (algorithm === 'blake3' || algorithm === 'crc32') return null
  const hash = createHash(algorithm)
  return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest('hex') } satisfies Hasher
}
const createHasher = createTestHasher
const describeSums = createDescribeSums({ createHasher, createSum })
const sums = ['md5', 'sha1'] as const
const OF_ABC = { md5: '900150983cd24fb0d6963f7d28e17f72', sha1: 'a9993e364706816aba3e25717850c26c9cd0d89d' }

/** The storage, and how often it was opened. */
function counting(storage: Storage) {
  const asked = { opened: 0 }
  const open: Storage['open'] = async (...given) => {
    asked.opened++
    return await storage.open(...given)
  }
  return { storage: { ...storage, open }, asked }
}

function toRemote(storage: Storage, options = {}): Storage {
  const app = createReplica(storage, options)
  return createRemoteStorage('http://replica.example', {
    fetch: async (url, { body, ...init }) => await app.request(url, { ...init, body: body ?? null }),
  })
}

describe('sums beside SHA-256', () => {
  it('are computed once for each content', async () => {
    const { storage, asked } = counting(createMemoryStorage({ a: 'abc', b: 'abc' }))
    const describeSums = createDescribeSums({ createHasher, createSum })
    for (let i = 0; i < 2; i++)
      for (const name of ['a', 'b'])
        expect(await describeSums(storage, [name], { sums })[0]).toMatchObject({ size: 3, sums: OF_ABC })
    expect(await describeSums(storage, ['c'], { sums })[0]).toBeNull()
    expect(asked.opened).toBe(1)
  })

  it('are computed by a replica server, so that no bytes travel', async () => {
    const { storage, asked } = counting(
      toRemote(createMemoryStorage({ a: 'abc' }), { createHasher, createSum }),
    )
    expect(await describeSums(storage, ['a'], { sums })[0]).toMatchObject({ sums: OF_ABC })
    expect(asked.opened).toBe(0)
  })

  it('are computed here of the bytes of a server that does not compute them', async () => {
    const { storage, asked } = counting(toRemote(createMemoryStorage({ a: 'abc' })))
    const describeSums = createDescribeSums({ createHasher, createSum })
    expect(await describeSums(storage, ['a'], { sums })[0]).toMatchObject({ sums: OF_ABC })
    expect(asked.opened).toBe(1)
  })

  it('are not those of bytes other than the described', async () => {
    const [storage, other] = [createMemoryStorage({ a: 'old' }), createMemoryStorage({ a: 'new' })]
    const open: Storage['open'] = async (name) => await other.open(name)
    const [answer = null] = describeSums({ ...storage, open }, ['a'], { sums })
    await expectTrouble(Promise.resolve(answer), 'changed')
  })

  it('that the host lacks are an error of that name', async () => {
    const [answer = null] = describeSums(createMemoryStorage({ a: 'x' }), ['a'], { sums: ['blake3'] })
    await expect(answer).rejects.toThrow('this host cannot compute blake3')
  })
})
