import { describe, expect, it } from 'vitest'
import { createReplica } from '../../replica/replica.ts'
import type { Facts } from '../../storage/facts.ts'
import { createMemoryStorage } from '../../storage/memory.ts'
import { createRemoteStorage } from '../../storage/remote/remote.ts'
import type { Storage } from '../../storage/storage.ts'
import { hash, toBytes } from '../../storage/suite/set-up.suite.ts'
import type { Survey } from '../../storage/survey/survey.ts'
import { audit } from '../audit/audit.suite.ts'
import { coordinate as coordinateAll } from '../set-up.suite.ts'

/** The requests to a storage: `maxAge` of each describe and each survey, in order. */
interface Asked {
  readonly describes: (number | undefined)[]
  readonly surveys: (number | null)[]
}

/** A storage in memory that notes what it is asked for, and reports `f` as `claim` changes it. */
function createNoting(content: string, claim: (facts: Facts) => Facts = (facts) => facts) {
  const memory = createMemoryStorage({ f: content, same: 'same' })
  const asked: Asked = { describes: [], surveys: [] }
  const storage: Storage = {
    ...memory,
    describe(names, options) {
      asked.describes.push(options?.maxAge)
      return memory.describe(names, options).map(async (answer) => {
        const facts = await answer
        return facts && claim(facts)
      })
    },
  }
  return { storage, asked }
}

/** The same, reached through a replica server. */
function createRemote(content: string) {
  const { storage, asked } = createNoting(content)
  const surveyed: Storage = {
    ...storage,
    async *survey(survey: Survey) {
      asked.surveys.push(survey.maxAge)
      const evidence = survey.maxAge === null ? ({ evidence: 'stored', age: null } as const) : READ
      for (const [name, text] of Object.entries({ f: content, same: 'same' })) {
        const digest = await hash(toBytes(text))
        yield { name, said: { size: text.length, digest, modified: null, ...evidence } }
      }
      yield { passed: [] }
    },
  }
  const replica = createReplica(surveyed)
  const fetch = async (url: string, init: RequestInit) => await replica.request(new URL(url).pathname, init)
  return { storage: createRemoteStorage('http://replica.test', { fetch }), asked }
}

const ONE = await hash(toBytes('one'))

const READ = { evidence: 'read', age: 0 } as const

function coordinate(storages: readonly Storage[], isGathering = false) {
  const options = isGathering ? { defer: (work: () => void) => void setImmediate(work) } : {}
  return coordinateAll(storages, options, (i) => String.fromCharCode(97 + i))
}

describe('a read with max-age', () => {
  it.each([
    ['GET', '?max-age=0'],
    ['HEAD', '?max-age=0'],
    ['GET', '?max-age=0&replica=a'],
    ['GET', '?max-age=0&require=all'],
    ['GET', `?max-age=0&version=${ONE}`],
  ])('asks each replica for that, and reports that it read its copy: %s %s', async (method, query) => {
    const [a, b] = [createRemote('one'), createRemote('one')]
    const response = await coordinate([a.storage, b.storage]).request(`/files/f${query}`, { method })
    expect(response.status).toBe(200)
    const of = query.includes('replica') ? [a] : [a, b]
    expect(response.headers.get('Replica-Status')).toBe(
      of.map((_, i) => `${'ab'[i]};state=match;evidence=read;age=0`).join(', '),
    )
    for (const { asked } of of) expect(asked.describes).toEqual([0])
  })

  it.each([
    ['none', ''],
    ['Cache-Control: max-age=0', { 'Cache-Control': 'max-age=0' }],
    ['Cache-Control: no-cache', { 'Cache-Control': 'no-cache', Pragma: 'no-cache' }],
  ])('of %s uses no remembered digest', async (_what, fields) => {
    const a = createRemote('one')
    const headers = typeof fields === 'string' ? {} : fields
    const response = await coordinate([a.storage]).request('/files/f', { headers })
    expect(a.asked.describes).toEqual([undefined])
    expect(response.headers.get('Replica-Status')).toMatch(/^a;state=match;evidence=remembered;age=\d+$/)
  })

  it.each(['', '-1', '1.5', '1e3', '+1', ' 1', 'yesterday', '2147483648', '99999999999', '0x10', '1s'])(
    'of %j is rejected by reads, audits and plans',
    async (text) => {
      const a = createRemote('one')
      const app = coordinate([a.storage])
      const query = `?max-age=${encodeURIComponent(text)}`
      const plan = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{}' }
      for (const [path, init] of [
        ['/files/f'],
        ['/files/f', { method: 'HEAD' }],
        ['/audit'],
        ['/plan', plan],
      ] as const) {
        const response = await app.request(path + query, init)
        expect(response.status).toBe(400)
        if (init?.method === 'HEAD') continue
        expect(await response.json()).toMatchObject({
          type: 'invalid-parameter',
          detail: `max-age takes a whole number of seconds from 0 to 2,147,483,647, got '${text}'`,
        })
      }
      expect(a.asked).toEqual({ describes: [], surveys: [] })
    },
  )

  it('reports in a conflict how each version is known', async () => {
    const [a, b] = [createRemote('one'), createRemote('two')]
    const response = await coordinate([a.storage, b.storage]).request('/files/f?max-age=0')
    expect(response.status).toBe(409)
    expect(await response.json()).toMatchObject({
      agreement: 'conflict',
      replicas: [
        { id: 'a', state: 'differ', ...READ },
        { id: 'b', state: 'differ', ...READ },
      ],
    })
  })

  it.each<[what: string, claim: (facts: Facts) => Facts, maxAge: number]>([
    ['remembers', (facts) => ({ ...facts, evidence: 'remembered', age: 0 }), 0],
    ['remembers too old a digest', (facts) => ({ ...facts, evidence: 'remembered', age: 61 }), 60],
    ['remembers a digest of unknown age', (facts) => ({ ...facts, evidence: 'remembered', age: null }), 60],
    ['has a checksum', (facts) => ({ ...facts, evidence: 'stored', age: null }), 60],
  ])('treats a replica that still %s as one that gave no copy', async (_what, claim, maxAge) => {
    const { storage } = createNoting('one', claim)
    const response = await coordinate([createRemote('one').storage, storage]).request(
      `/files/f?max-age=${maxAge}`,
    )
    expect(response.headers.get('Replica-Agreement')).toBe('degraded;answered=1;of=2')
    expect(response.headers.get('Replica-Status')).toMatch(/, b;state=error;error=proxy_internal_error$/)
  })

  it('accepts a reading exactly that old', async () => {
    const { storage } = createNoting('one', (facts) => ({ ...facts, evidence: 'remembered', age: 60 }))
    const response = await coordinate([storage]).request('/files/f?max-age=60')
    expect(response.headers.get('Replica-Status')).toBe('a;state=match;evidence=remembered;age=60')
  })

  it('accepts a list, which has no bytes to read, beside copies that are read', async () => {
    const { storage } = createNoting('one', (facts) => ({ ...facts, evidence: 'recorded', age: 61 }))
    const response = await coordinate([createRemote('one').storage, storage]).request('/files/f?max-age=0')
    expect(response.headers.get('Replica-Agreement')).toBe('unanimous;answered=2;of=2')
    expect(response.headers.get('Replica-Status')).toMatch(/, b;state=match;evidence=recorded;age=61$/)
  })

  it('shares requests only with reads of the same max-age', async () => {
    const { storage, asked } = createNoting('one')
    const app = coordinate([storage], true)
    const queries = ['', '?max-age=60', '?max-age=0', '', '?max-age=0', '?max-age=60', '?max-age=5']
    const ask = async () => {
      const answers = await Promise.all(queries.map((query) => app.request(`/files/f${query}`)))
      expect(answers.map(({ status }) => status)).toEqual(queries.map(() => 200))
      for (const [i, { headers }] of answers.entries())
        if (queries[i] === '?max-age=0')
          expect(headers.get('Replica-Status')).toBe('a;state=match;evidence=read;age=0')
    }
    await ask()
    expect(asked.describes).toHaveLength(4)
    expect(new Set(asked.describes)).toEqual(new Set([undefined, 60, 0, 5]))
    await ask()
    expect(asked.describes).toHaveLength(8)
  })
})

describe('an audit with max-age', () => {
  it.each([
    ['?max-age=0', 0],
    ['?deep', 0],
    ['?max-age=0&deep', 0],
    ['?max-age=60', 60],
    ['?max-age=60&deep=true', 0],
  ])('requests it in the survey, and again for the names that differ: %s', async (query, maxAge) => {
    const [a, b] = [createRemote('one'), createRemote('two')]
    const { manifests: found, summary } = await audit([a.storage, b.storage], query)
    expect(found).toHaveLength(1)
    expect(found[0]).toMatchObject({ name: 'f', agreement: 'conflict' })
    expect(summary).toMatchObject({ agreement: 'conflict', agreements: { unanimous: 1, conflict: 1 } })
    for (const { asked } of [a, b]) expect(asked).toEqual({ describes: [maxAge], surveys: [maxAge] })
  })

  it('does not accept a stored checksum in place of a reading', async () => {
    const said: Facts = { size: 3, digest: ONE, modified: null, evidence: 'stored', age: null }
    const stored: Storage = {
      ...createMemoryStorage({ f: 'one' }),
      async *survey() {
        yield { name: 'f', said }
        yield { passed: [] }
      },
      describe: (names) => names.map(async () => said),
    }
    const { summary } = await audit([createMemoryStorage({ f: 'one' }), stored], '?max-age=60')
    expect(summary).toMatchObject({ agreement: 'degraded', agreements: { degraded: 1 } })
    const { summary: without } = await audit([createMemoryStorage({ f: 'one' }), stored], '?all')
    expect(without).toMatchObject({ agreement: 'unanimous' })
  })
})

it('a plan with max-age consists of the differences that an audit with it finds', async () => {
  const [a, b] = [createRemote('one'), createRemote('two')]
  const app = coordinate([a.storage, b.storage])
  const init = {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ prefix: '', match: [], exclude: [], rules: [] }),
  }
  const response = await app.request('/plan?max-age=0', init)
  expect(await response.json()).toMatchObject({ summary: { audit: { agreement: 'conflict' } } })
  for (const { asked } of [a, b]) expect(asked).toEqual({ describes: [0], surveys: [0] })
})
