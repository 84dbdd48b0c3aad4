import { expect, it } from 'vitest'
import { createMemoryStorage, type MemoryStorage } from '../../storage/memory.ts'
import { proveByReading } from '../../storage/prove.ts'
import type { ProveOptions, Storage } from '../../storage/storage.ts'
import { createTestHasher as createHasher } from '../../storage/suite/set-up.suite.ts'
import { createRandom } from '../../wire/random.suite.ts'
import { StorageError } from '../../wire/storage-error.ts'
import { coordinate } from '../set-up.suite.ts'
import { audit, toRows } from './audit.suite.ts'
import { toShare } from './sample.ts'

/** `VOUCH_PROOF_RUNS` runs of the model, from this seed on. */
const RUNS = Number(process.env['VOUCH_PROOF_RUNS'] ?? 300)
const SEED = Number(process.env['VOUCH_PROOF_SEED'] ?? 1)

/** A replica that proves what it holds. */
function honest(storage: MemoryStorage): Storage {
  return {
    ...storage,
    prove: (names, options) =>
      names.map((name) => proveByReading(storage, name, { ...options, createHasher })),
  }
}

/** A replica that describes `claimed`, and holds `held`. */
interface Liar {
  readonly claimed: MemoryStorage
  readonly held: MemoryStorage
  readonly nameOf: (name: string) => string
}

type Lie = (liar: Liar) => NonNullable<Storage['prove']>

const ZEROS = '0'.repeat(64)

/** What a replica may answer that did not read the content which it describes. */
const LIES: Readonly<Record<string, Lie>> = {
  'proves what it holds': ({ held }) => honest(held).prove ?? never,
  "computes the proof of yesterday's digest":
    ({ claimed }) =>
    (names, options) =>
      names.map(async (name) => {
        const facts = await claimed.describe([name])[0]
        const digests = createMemoryStorage({ digest: facts?.digest ?? '' })
        const proof = await proveByReading(digests, 'digest', { ...options, createHasher })
        return { size: facts?.size ?? 0, proof: proof?.proof ?? ZEROS }
      }),
  'replays the proof of another nonce':
    ({ claimed }) =>
    (names, options) =>
      honest(claimed).prove?.(names, { ...options, nonce: ZEROS }) ?? never(),
  'swaps names':
    ({ claimed, nameOf }) =>
    (names, options) =>
      honest(claimed).prove?.(names.map(nameOf), options) ?? never(),
  'proves another body':
    ({ claimed }) =>
    (names, options) =>
      proveLonger(claimed, names, options),
  'says that it has no such file': () => (names) => names.map(async () => null),
  'answers anything':
    ({ claimed }) =>
    (names) =>
      names.map(async (name) => ({ size: (await claimed.describe([name])[0])?.size ?? 0, proof: ZEROS })),
}

function never(): never {
  throw new Error('an honest replica proves')
}

function proveLonger(storage: MemoryStorage, names: readonly string[], options: ProveOptions) {
  return names.map(async (name) => {
    const opened = await storage.open(name)
    const longer = createMemoryStorage({ longer: `${await new Response(opened?.body).text()}!` })
    const proof = await proveByReading(longer, 'longer', { ...options, createHasher })
    return { size: opened?.facts.size ?? 0, proof: proof?.proof ?? ZEROS }
  })
}

function lie({ claimed, held }: Liar, prove: NonNullable<Storage['prove']>): Storage {
  return { ...claimed, prove, open: (name, options) => held.open(name, options) }
}

function createFiles(random: () => number): Record<string, string> {
  const names = Array.from({ length: 3 + Math.floor(random() * 4) }, (_, i) => `${i}.txt`)
  return Object.fromEntries(names.map((name) => [name, `${name} ${random()}`]))
}

it(
  `finds each lie of a replica in each of ${RUNS} runs from seed ${SEED} on, and accuses no other`,
  async () => {
    for (let seed = SEED; seed < SEED + RUNS; seed++) {
      const random = createRandom(seed)
      const files = createFiles(random)
      const names = Object.keys(files)
      const name = names[Math.floor(random() * names.length)] ?? ''
      const lies = Object.entries(LIES)
      const [words, toProve] = lies[seed % lies.length] ?? never()
      const held = createMemoryStorage({ ...files, [name]: 'rotten' })
      if (random() < 0.3) held.delete(name)
      const claimed = createMemoryStorage(files)
      const swap = (one: string) => names[(names.indexOf(one) + 1) % names.length] ?? one
      const liar = { claimed, held, nameOf: swap }
      const isOnlyThis = (one: string) => one === name
      const prove = toProve(liar)
      const replicas: Storage[] = Array.from({ length: 1 + Math.floor(random() * 3) }, () =>
        honest(createMemoryStorage(files)),
      )
      const place = Math.floor(random() * (replicas.length + 1))
      const own: NonNullable<Storage['prove']> = (asked, options) =>
        asked.map(async (one) => {
          const by = isOnlyThis(one) ? prove : (honest(claimed).prove ?? never)
          return (await by([one], options)[0]) ?? null
        })
      replicas.splice(place, 0, lie(liar, own))
      const result = await audit(replicas, '?prove=1')
      const expected = replicas.map((_, i) => (i === place ? 'corrupt' : 'match')).join(' ')
      expect(toRows(result), `${words}, seed ${seed}`).toEqual([`${name}: ${expected}`])
      expect(result.summary.agreement).toBe('degraded')
    }
  },
  300_000 + 100 * RUNS,
)

it('finds nothing among honest replicas, and reads no copy that another proof confirms', async () => {
  const files = { 'a.txt': 'a', 'b.txt': '', 'c.txt': 'c' }
  const replicas = [1, 2, 3].map(() => honest(createMemoryStorage(files)))
  const { manifests, summary } = await audit(replicas, '?prove=1&seed=x')
  expect(manifests).toEqual([])
  expect(summary).toMatchObject({ agreement: 'unanimous', agreements: { unanimous: 3 } })
  expect(summary.proved).toMatchObject({ seed: 'x', share: 1, names: 3, copies: 9, fetched: [] })
})

it('reads the copies of a store that cannot compute, and those that no other replica can confirm', async () => {
  const store = createMemoryStorage({ 'a.txt': 'same', 'b.txt': 'other' })
  const replica = honest(createMemoryStorage({ 'a.txt': 'same', 'b.txt': 'one', 'c.txt': 'alone' }))
  const { summary, ...result } = await audit([store, replica], '?prove=1')
  expect(toRows({ ...result, summary })).toEqual(['b.txt: differ differ', 'c.txt: missing match'])
  const fetched = [
    { id: 'server1', bytes: 'sameother'.length },
    { id: 'server2', bytes: 'onealone'.length },
  ]
  expect(summary.proved).toMatchObject({ names: 3, copies: 5, fetched })
})

it('keeps both statements of a replica that contradicts itself', async () => {
  const claimed = createMemoryStorage({ 'a.txt': 'described' })
  const held = createMemoryStorage({ 'a.txt': 'held' })
  const liar = lie({ claimed, held, nameOf: String }, honest(held).prove ?? never)
  const { manifests, summary } = await audit(
    [liar, honest(createMemoryStorage({ 'a.txt': 'described' }))],
    '?prove=1',
  )
  const { nonce } = summary.proved ?? { nonce: '' }
  const proof = await proveByReading(held, 'a.txt', { nonce, createHasher })
  expect(manifests[0]?.replicas[0]).toMatchObject({
    state: 'corrupt',
    disproof: {
      described: (await claimed.describe(['a.txt'])[0])?.digest,
      ...{ proof: proof?.proof, read: proof?.digest, expected: proof?.proof },
    },
  })
})

it('believes no replicas that prove the same bytes of another size than they describe', async () => {
  const claimed = createMemoryStorage({ 'a.txt': 'described' })
  const held = createMemoryStorage({ 'a.txt': 'cut' })
  const liar = lie({ claimed, held, nameOf: String }, honest(held).prove ?? never)
  const result = await audit([liar, liar], '?prove=1')
  expect(toRows(result)).toEqual(['a.txt: corrupt corrupt'])
  expect(result.summary.proved).toMatchObject({ copies: 0 })
})

it('accuses no replica whose copy changes meanwhile, or that does not answer', async () => {
  const changing = createMemoryStorage({ 'a.txt': 'before' })
  const moving: Storage = {
    ...honest(changing),
    prove(names, options) {
      changing.set('a.txt', 'after')
      return honest(changing).prove?.(names, options) ?? never()
    },
  }
  const failing: Storage = {
    ...honest(createMemoryStorage({ 'a.txt': 'before' })),
    prove: (names) => names.map(() => Promise.reject(new StorageError('unreachable', 'gone'))),
  }
  const still = honest(createMemoryStorage({ 'a.txt': 'before' }))
  const result = await audit([moving, failing, still], '?prove=1')
  expect(toRows(result)).toEqual(['a.txt: error error match'])
})

it('proves the share of names that the seed chooses, the same for the same seed', async () => {
  const files = Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`${i}`, 'x']))
  const asked: string[][] = []
  const storage = honest(createMemoryStorage(files))
  const watched: Storage = {
    ...storage,
    prove(names, options) {
      asked.push([...names])
      return storage.prove?.(names, options) ?? never()
    },
  }
  const run = async (query: string) => {
    asked.length = 0
    await audit([watched, storage], query)
    return asked.flat()
  }
  const first = await run('?prove=0.25&seed=a')
  expect(await run('?prove=0.25&seed=a')).toEqual(first)
  expect(await run('?prove=0.25&seed=b')).not.toEqual(first)
  // Binomial with n = 400 and p = 0.25: within five standard deviations of 8.66.
  expect(Math.abs(first.length - 100)).toBeLessThan(44)
})

it('meets bad names as often as promised', async () => {
  const [names, bad, trials] = [60, 3, 100]
  const files = Object.fromEntries(Array.from({ length: names }, (_, i) => [`${i}`, 'x']))
  const claimed = createMemoryStorage(files)
  const held = createMemoryStorage({
    ...files,
    ...Object.fromEntries(Array.from({ length: bad }, (_, i) => [`${i * 7}`, 'y'])),
  })
  const liar = lie({ claimed, held, nameOf: String }, honest(held).prove ?? never)
  const replicas = [honest(createMemoryStorage(files)), liar]
  let met = 0
  for (let seed = 0; seed < trials; seed++) {
    const { manifests } = await audit(replicas, `?prove=0.9,0.05&seed=${seed}`)
    if (manifests.length > 0) met++
  }
  // Binomial with p = 0.9: the mean is 90, the standard deviation 3; four of them below.
  expect(met).toBeGreaterThanOrEqual(78)
  // With a share of 1 all would be met: that is no sample.
  expect(met).toBeLessThan(trials)
})

it.each([
  [{ sure: 0.99, bad: 0.001 }, 1000, 0.99],
  [{ sure: 0.99, bad: 0.001 }, 10_000, 0.369],
  [{ sure: 0.95, bad: 0.01 }, 100_000, 0.002991],
  [{ sure: 0.99, bad: 0.001 }, 0, 0.99],
])('%o of %i names asks for the share %f', (confidence, names, share) => {
  expect(toShare(confidence, names)).toBeCloseTo(share, 3)
})

it.each([
  ['prove=2', /above 0 and at most 1/],
  ['prove=0', /above 0 and at most 1/],
  ['prove=0.0', /above 0 and at most 1/],
  ['prove=1,0.1', /above 0 and at most 1/],
  ['seed=a', /seed chooses the names/],
  [`prove=1&seed=${'a'.repeat(65)}`, /at most 64 characters, got 65/],
])('refuses ?%s', async (query, message) => {
  const response = await coordinate([createMemoryStorage()]).request(`/audit?${query}`)
  expect(response.status).toBe(400)
  expect(await response.text()).toMatch(message)
})
