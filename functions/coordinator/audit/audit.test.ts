import fc from 'fast-check'
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { createReplica } from '../../replica/replica.ts'
import type { Facts } from '../../storage/facts.ts'
import { createMemoryStorage } from '../../storage/memory.ts'
import { createRemoteStorage } from '../../storage/remote/remote.ts'
import type { Storage } from '../../storage/storage.ts'
import { NOTHING_SEEN, type Span } from '../../storage/survey/survey.ts'
import { MAX_AUDITS, MAX_GLOBS, MAX_NAME_BYTES, PROGRESS_MS } from '../../wire/limits.ts'
import { coordinate } from '../set-up.suite.ts'
import { audit, createTreeStorage, readResult, toDigest, toFacts, toRows, withSurvey } from './audit.suite.ts'

describe('two trees of 20,000 names', () => {
  const toName = (i: number) => `photos/${2000 + (i % 20)}/IMG_${String(i).padStart(5, '0')}.jpg`
  const tree = new Map(Array.from({ length: 20_000 }, (_, i) => [toName(i), toFacts(i)]))

  /** The storage behind HTTP, and its traffic. */
  function countTraffic(storage: Storage) {
    const traffic = { bytes: 0, lines: 0, requests: 0 }
    const app = createReplica(storage)
    const remote = createRemoteStorage('http://replica.test', {
      async fetch(url, init) {
        const response = await app.fetch(new Request(url, init))
        const text = await response.text()
        traffic.requests++
        traffic.lines += text.split('\n').length - 1
        traffic.bytes += String(init.body ?? '').length + text.length
        return new Response(text, response)
      },
    })
    return { remote, traffic }
  }

  async function auditTwo(other: ReadonlyMap<string, Facts>) {
    const pair = [tree, other].map((one) => countTraffic(createTreeStorage(one)))
    // The survey arrives in one piece, however long a busy machine takes for it.
    const deadlines = { silence: 300_000, answer: 300_000 }
    const result = await audit(
      pair.map(({ remote }) => remote),
      '',
      { deadlines },
    )
    return { result, traffic: pair.map(({ traffic }) => traffic) }
  }

  it('that are alike exchange some lines in one request', async () => {
    const { result, traffic } = await auditTwo(new Map(tree))
    expect(result.manifests).toEqual([])
    expect(result.summary).toMatchObject({
      agreement: 'unanimous',
      names: 20_000,
      agreements: { unanimous: 20_000 },
    })
    for (const { requests, lines, bytes } of traffic) {
      expect(requests).toBe(1)
      expect(lines).toBeLessThan(50)
      expect(bytes).toBeLessThan(4096)
    }
  })

  it('that differ in five exchange some lines for each of these', async () => {
    const other = new Map(tree)
    other.set(toName(3), toFacts(0))
    other.set(toName(7777), toFacts(7777, { digest: toDigest(1) }))
    other.delete(toName(12_345))
    other.set('new', toFacts(1))
    other.set(toName(19_999), toFacts(0))
    const { result, traffic } = await auditTwo(other)
    expect(toRows(result)).toEqual([
      'new: missing match',
      `${toName(3)}: differ differ`,
      `${toName(12_345)}: match missing`,
      `${toName(7777)}: differ differ`,
      `${toName(19_999)}: differ differ`,
    ])
    expect(result.summary.agreements).toEqual({ unanimous: 19_996, conflict: 3, incomplete: 2 })
    for (const { requests, lines, bytes } of traffic) {
      expect(requests).toBeLessThan(10)
      expect(lines).toBeLessThan(5 * 80)
      expect(bytes).toBeLessThan(5 * 10 * 1024)
    }
  })

  it('of which one is empty exchange each name once', async () => {
    const { result, traffic } = await auditTwo(new Map())
    expect(result.manifests).toHaveLength(20_000)
    expect(result.summary).toMatchObject({ agreement: 'incomplete', agreements: { incomplete: 20_000 } })
    // Once in the survey, and once more before it is reported.
    expect(traffic[0]?.lines).toBeLessThan(2.2 * 20_000)
  })
})

describe('a difference of one bit', () => {
  const toName = (i: number) => `d${i % 7}/f${i}`
  const tree = new Map(Array.from({ length: 300 }, (_, i) => [toName(i), toFacts(i)]))
  const bit = fc.nat({ max: 7 }).map((n) => 1 << n)

  it('in a size or a digest is found, and nothing else', async () => {
    const change = fc.oneof(
      bit.map((bit) => ({ size: ({ size }: Facts) => (size ?? 0) ^ bit })),
      fc.nat({ max: 255 }).map((nth) => ({ digest: ({ digest }: Facts) => flip(digest, nth) })),
    )
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: 299 }), change, async (i, change) => {
        const facts = toFacts(i)
        const [[member, toOther] = ['', () => '']] = Object.entries(change)
        const other = new Map(tree).set(toName(i), { ...facts, [member]: toOther(facts) })
        const result = await audit([tree, other].map(createTreeStorage))
        expect(toRows(result)).toEqual([`${toName(i)}: differ differ`])
        expect(result.summary).toMatchObject({
          agreement: 'conflict',
          agreements: { unanimous: 299, conflict: 1 },
        })
      }),
      { numRuns: 60 },
    )
  })

  it('in a name is found on both sides', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: 299 }), fc.nat(), fc.nat({ max: 3 }), async (i, at, bit) => {
        const name = toName(i)
        const renamed = flipCharacter(name, at % name.length, bit)
        fc.pre(!tree.has(renamed) && !renamed.startsWith('/') && !renamed.endsWith('/'))
        const other = new Map(tree).set(renamed, toFacts(i))
        other.delete(name)
        const result = await audit([tree, other].map(createTreeStorage))
        expect(toRows(result).sort()).toEqual([`${name}: match missing`, `${renamed}: missing match`].sort())
      }),
      { numRuns: 60 },
    )
  })

  function flip(digest: string, nth: number): string {
    const at = nth >> 2
    const digit = Number.parseInt(digest[at] ?? '', 16) ^ (1 << (nth & 3))
    return `${digest.slice(0, at)}${digit.toString(16)}${digest.slice(at + 1)}`
  }

  function flipCharacter(text: string, at: number, bit: number): string {
    const character = String.fromCharCode(text.charCodeAt(at) ^ (1 << bit))
    return `${text.slice(0, at)}${character}${text.slice(at + 1)}`
  }
})

it.each([[{ names: 9 }], [{ bytes: 9 }]])(
  'spans of one fingerprint are looked at where %j differs: a replica lies',
  async (lie) => {
    const honest: Span = { last: null, names: 1, bytes: 1, fingerprint: toDigest(5) }
    const grains = new Set<number>()
    const storages = [{ ...honest, ...lie }, honest].map((span) =>
      withSurvey(createTreeStorage(new Map([['a', toFacts(1)]])), async function* ({ grain, passed }) {
        grains.add(grain)
        if (passed) yield { passed: [] }
        yield grain === 0 ? { name: 'a', said: toFacts(1) } : span
      }),
    )
    const { summary } = await audit(storages)
    expect(grains).toContain(0)
    expect(summary).toMatchObject({ agreement: 'unanimous', names: 1 })
  },
)

describe('GET /audit', () => {
  const storages = [
    createMemoryStorage({ a: 'a', b: 'b', 'd/c': 'c' }),
    createMemoryStorage({ a: 'a', b: 'B' }),
  ]

  it('returns JSON lines that no cache stores, the summary last', async () => {
    const response = await coordinate(storages).request('/audit')
    expect(response.status).toBe(200)
    expect(response.headers.get('Content-Type')).toBe('application/x-ndjson')
    expect(response.headers.get('Cache-Control')).toBe('no-store')
    const lines = (await response.text()).trim().split('\n')
    expect(lines.map((line) => Object.keys(JSON.parse(line)).at(0))).toEqual(['name', 'name', 'summary'])
    expect(JSON.parse(lines[2] ?? '')).toEqual({
      summary: {
        agreement: 'conflict',
        names: 3,
        agreements: { unanimous: 1, conflict: 1, incomplete: 1 },
        rotten: 0,
        uncompared: 0,
        replicas: [3, 2].map((names, i) => ({
          id: `server${i + 1}`,
          state: 'ok',
          seen: { ...NOTHING_SEEN, names, bytes: names, remembered: names, oldest: expect.any(Number) },
          of: null,
          passed: [],
        })),
      },
    })
  })

  it('says in its summary what narrows it, if anything does', async () => {
    const { summary } = await audit(storages, '?prefix=d&after=a&match=c&exclude=x')
    expect(summary.scope).toEqual({ prefix: 'd', after: 'a', match: ['c'], exclude: ['x'] })
    for (const query of ['?prefix=d', '?after=a', '?match=c', '?exclude=x'])
      expect((await audit(storages, query)).summary).toHaveProperty('scope')
    expect((await audit(storages, '?all')).summary).not.toHaveProperty('scope')
  })

  it.each([
    ['', ['b: differ differ', 'd/c: match missing']],
    ['?prefix=d', ['d/c: match missing']],
    ['?prefix=', ['b: differ differ', 'd/c: match missing']],
    ['?match=b&match=a', ['b: differ differ']],
    ['?exclude=d%2F', ['b: differ differ']],
    ['?all', ['a: match match', 'b: differ differ', 'd/c: match missing']],
    ['?all=true&prefix=a', ['a: match match']],
    ['?deep&all=', ['a: match match', 'b: differ differ', 'd/c: match missing']],
    ['?deep=true', ['b: differ differ', 'd/c: match missing']],
  ])('%j reports the names that it asks for', async (query, rows) => {
    expect(toRows(await audit(storages, query))).toEqual(rows)
  })

  it.each([
    ['?recursive=true'],
    ['?Prefix=a'],
    ['?all=false'],
    ['?all=1'],
    ['?deep=no'],
    [`?${'match=*&'.repeat(MAX_GLOBS + 1)}`],
    [`?exclude=${'*'.repeat(MAX_NAME_BYTES + 1)}`],
  ])('refuses %j', async (query) => {
    const response = await coordinate(storages).request(`/audit${query}`)
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ type: 'invalid-parameter' })
  })

  it('rejects other methods, and asks no replica for HEAD', async () => {
    const survey = vi.fn()
    const app = coordinate([withSurvey(createMemoryStorage(), survey)])
    const posted = await app.request('/audit', { method: 'POST' })
    expect([posted.status, posted.headers.get('Allow')]).toEqual([405, 'GET, HEAD'])
    for (let i = 0; i <= MAX_AUDITS; i++) {
      const head = await app.request('/audit', { method: 'HEAD' })
      expect([head.status, head.headers.get('Content-Type')]).toEqual([200, 'application/x-ndjson'])
    }
    expect(survey).not.toHaveBeenCalled()
  })
})

describe('while an audit is under way', () => {
  afterEach(() => void vi.useRealTimers())

  it('it reports the progress of each replica now and then', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    const progress = (names: number) => ({
      seen: { ...NOTHING_SEEN, names, bytes: 2 * names, remembered: 1 },
      of: { names: 9, bytes: 18 },
    })
    const slow = withSurvey(createMemoryStorage(), async function* () {
      for (let i = 1; i <= 6; i++) {
        vi.advanceTimersByTime(PROGRESS_MS / 2)
        yield progress(i)
      }
      yield { last: null, names: 0, bytes: 0, fingerprint: toDigest(0) }
    })
    const text = await (await coordinate([slow]).request('/audit')).text()
    const lines = text.trim().split('\n')
    const said = lines.slice(0, -1).map((line) => JSON.parse(line))
    expect(said).toEqual(
      [2, 4, 6].map((n) => ({ progress: { replicas: [{ id: 'server1', ...progress(n) }] } })),
    )
    expect(JSON.parse(lines.at(-1) ?? '').summary.replicas).toEqual([
      { id: 'server1', state: 'ok', ...progress(6) },
    ])
  })

  it('spans that are compared further are not counted twice', async () => {
    const [one, other] = ['a', 'b'].map((content) => createMemoryStorage({ a: content, b: 'b' }))
    const { summary } = await audit([one, other].flatMap((storage) => storage ?? []))
    expect(summary.replicas).toMatchObject([{ seen: { names: 2 } }, { seen: { names: 2 } }])
  })
})

describe('a copy whose bytes contradicted its digest, though it reports the same digest as the others,', () => {
  async function createSuspicious() {
    const files = { a: 'a', f: 'same', z: 'z' }
    const [honest, lying] = [createMemoryStorage(files), createMemoryStorage(files)]
    const app = coordinate([
      but(lying, { open: (name) => createMemoryStorage({ [name]: 'lies' }).open(name) }),
      honest,
    ])
    expect(await (await app.request('/files/f')).text()).toBe('same')
    return { app, lying }
  }

  it.each(['', '?all=true', '?prefix=f', '?deep=true'])('is corrupt in an audit%s', async (query) => {
    const { app } = await createSuspicious()
    const result = await readResult(await app.request(`/audit${query}`))
    expect(toRows(result).filter((row) => !row.endsWith('match match'))).toEqual(['f: corrupt match'])
    expect(result.summary).toMatchObject({ agreement: 'degraded', agreements: { degraded: 1 } })
  })

  it('is not repaired by a plan', async () => {
    const { app } = await createSuspicious()
    const body = JSON.stringify({ prefix: '', match: [], exclude: [], rules: [] })
    const headers = { 'Content-Type': 'application/json' }
    const plan = await (await app.request('/plan', { method: 'POST', headers, body })).json()
    expect(plan).toMatchObject({ steps: [], summary: { left: 1 } })
  })

  it('is no longer corrupt after it is rewritten', async () => {
    const { app, lying } = await createSuspicious()
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 1000 })
    onTestFinished(() => void vi.useRealTimers())
    lying.set('f', 'same')
    const result = await readResult(await app.request('/audit'))
    expect([result.manifests, result.summary.agreement]).toEqual([[], 'unanimous'])
    const states = await (await app.request('/replicas')).json()
    expect(states).toMatchObject({ replicas: [{ corrupt: 0 }, { corrupt: 0 }] })
  })

  it('is no longer corrupt once it reports another content', async () => {
    const { app, lying } = await createSuspicious()
    lying.set('f', 'other')
    const result = await readResult(await app.request('/audit'))
    expect(toRows(result)).toEqual(['f: differ differ'])
  })
})

function but(storage: Storage, changes: Partial<Storage>): Storage {
  return { ...storage, ...changes }
}

describe('a budget of an audit', () => {
  const tree = new Map(Array.from({ length: 40 }, (_, i) => [`${i + 10}`, toFacts(10)]))
  const storages = [createTreeStorage(tree), createTreeStorage(tree)]

  it.each([
    ['names=7', '16'],
    ['bytes=1', '10'],
    ['bytes=200', '19'],
    ['bytes=201', '20'],
    ['names=3&bytes=201', '12'],
    ['names=100&bytes=10000000&seconds=100', undefined],
  ])('%s ends it after the name with which it is used up', async (budget, next) => {
    const { summary } = await audit(storages, `?all&${budget}`)
    expect(summary.next).toBe(next)
  })

  it.each(['names=0', 'bytes=', 'bytes=1.5', 'seconds=-1', 'bytes=1e9'])('is not %s', async (budget) => {
    const response = await coordinate(storages).request(`/audit?${budget}`)
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ detail: expect.stringContaining('takes a whole number') })
  })
})

describe('a range of an audit', () => {
  const tree = new Map(['a', 'b', 'c/1', 'c/2', 'd'].map((name) => [name, toFacts(1)]))
  const storages = [createTreeStorage(tree), createTreeStorage(new Map())]

  it('is what its summary says', async () => {
    const { manifests, summary } = await audit(storages, '?after=a&until=c/1')
    expect(manifests.map(({ name }) => name)).toEqual(['b', 'c/1'])
    expect(summary).toMatchObject({ scope: { after: 'a', until: 'c/1' }, next: 'c/1' })
  })

  it('calls a folder missing when the replica lists nothing of it beyond either end', async () => {
    const toFolder = async (holds: string) => {
      const other = createTreeStorage(new Map([[holds, toFacts(1)]]))
      const { manifests } = await audit([createTreeStorage(tree), other], '?after=c/1&until=c/2')
      return manifests.map(({ replicas }) => replicas[1]?.missingFolder)
    }
    expect(await toFolder('a')).toEqual(['c/'])
    expect(await toFolder('c/0')).toEqual([undefined])
    expect(await toFolder('c/1')).toEqual([undefined])
    expect(await toFolder('c/3')).toEqual([undefined])
    expect(await toFolder('d')).toEqual(['c/'])
  })

  it('calls none missing when the replica cannot be listed beyond it', async () => {
    const other = { ...createTreeStorage(new Map()), list: () => Promise.reject(new Error('no listing')) }
    const survey = withSurvey(other, async function* () {
      yield { passed: [] }
    })
    const { manifests } = await audit([createTreeStorage(tree), survey], '?all&after=c/1&until=c/2')
    expect(manifests.map(({ replicas }) => replicas[1]?.missingFolder)).toEqual([undefined])
  })

  it('that is empty is refused', async () => {
    const response = await coordinate(storages).request('/audit?after=b&until=b')
    expect(await response.json()).toMatchObject({
      detail: "until takes a name after 'b' in byte order, got 'b'",
    })
    const body = JSON.stringify({ prefix: '', match: [], exclude: [], rules: [], after: 'b', until: 'a' })
    const planned = await coordinate(storages).request('/plan', {
      ...{ method: 'POST', body, headers: { 'Content-Type': 'application/json' } },
    })
    expect(planned.status).toBe(400)
  })

  it('is planned like any other', async () => {
    const body = JSON.stringify({ prefix: '', match: [], exclude: [], rules: [], after: 'b', until: 'c/2' })
    const response = await coordinate(storages).request('/plan', {
      ...{ method: 'POST', body, headers: { 'Content-Type': 'application/json' } },
    })
    const { steps } = (await response.json()) as { steps: { name: string }[] }
    expect(steps.map(({ name }) => name)).toEqual(['c/1', 'c/2'])
  })
})

it.each([
  '?all=true&until=b',
  '?until=b',
  '?deep&until=b',
  '?all=true&until=bb',
  '?after=a&all=true&until=c',
])('reports of %s how the digest of each of its names is known', async (query) => {
  const storage = createMemoryStorage({ a: 'x', b: 'y', c: 'z' })
  const { summary } = await audit([storage, storage], query)
  expect(summary.names).toBe(2)
  for (const { seen } of summary.replicas) expect(seen.names).toBe(2)
})
