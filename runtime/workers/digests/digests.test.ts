import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { MAX_DIGESTS_AT_ONCE } from '../limits.ts'
import { Digests } from './digest-object.ts'
import { type AskedRow, createDigestPages, type KnownRow, type Sql } from './digest-pages.ts'
import { createDigests } from './digests.ts'

/** A database in memory, as a Durable Object has it, and the number of rows written to it. */
function openSql() {
  const database = new DatabaseSync(':memory:')
  const written = { rows: 0 }
  const sql: Sql = {
    exec(query, ...bindings) {
      if (query.startsWith('insert')) written.rows++
      const rows = database.prepare(query).all(...bindings)
      return { toArray: () => rows }
    },
  }
  return { sql, written }
}

/** A namespace with one object, its requests, and what was written to it. */
function openNamespace() {
  const { sql, written } = openSql()
  const object = new Digests({ storage: { sql, transactionSync: (work) => work() } })
  const asked: Request[] = []
  const namespace = {
    idFromName: (name: string) => name,
    get: () => ({
      async fetch(input: Request | string, init?: RequestInit) {
        const request = new Request(input, init)
        asked.push(request)
        return await object.fetch(request)
      },
    }),
  }
  return { namespace, written, asked }
}

const toDigest = (n: number) => n.toString(16).padStart(64, '0')
const toKnown = (n: number) => ({ digest: toDigest(n), readAt: 1000 })

it('shares digests, computed and kept by the store, with others, by version', async () => {
  const { namespace } = openNamespace()
  const [one, other] = [createDigests('place', namespace)(), createDigests('place', namespace)()]
  await one.set('key', 'v1', toKnown(1))
  await one.set('stored', 'v1', { digest: toDigest(2), readAt: null })
  expect(await other.get('key', 'v1')).toEqual(toKnown(1))
  expect(await other.get('key', 'v2')).toBeUndefined()
  expect(await other.get('stored', 'v1')).toEqual({ digest: toDigest(2), readAt: null })
  await other.set('key', 'v2', toKnown(3))
  await other.forget('key', 'v1')
  expect(await createDigests('place', namespace)().get('key', 'v2')).toEqual(toKnown(3))
  await other.forget('key', 'v2')
  expect(await createDigests('place', namespace)().get('key', 'v2')).toBeUndefined()
})

it('asks once for a page of a listing, and writes a row for many digests', async () => {
  const { namespace, written, asked } = openNamespace()
  const one = createDigests('place', namespace)()
  const keys = Array.from({ length: MAX_DIGESTS_AT_ONCE }, (_, i) => `key ${i}`)
  await Promise.all(keys.map((key, i) => one.set(key, 'v', toKnown(i))))
  expect([asked.length, written.rows]).toEqual([1, 1])
  const other = createDigests('place', namespace)()
  expect(await Promise.all(keys.map((key) => other.get(key, 'v')))).toEqual(keys.map((_, i) => toKnown(i)))
  expect(asked).toHaveLength(2)
})

it('remembers nothing while the object fails, and fails nobody', async () => {
  const failing = {
    idFromName: (name: string) => name,
    get: () => ({ fetch: () => Promise.reject(new Error()) }),
  }
  const digests = createDigests('place', failing)
  const one = digests()
  await one.set('key', 'v1', toKnown(1))
  expect(await one.get('key', 'v1')).toEqual(toKnown(1))
  expect(await one.get('key', 'v2')).toBeUndefined()
})

it('the pages hold the last version of each key, whatever was noted and dropped', () => {
  const key = fc.constantFrom(
    ...Array.from(
      { length: 40 },
      (_, i) => `${'\u0001é\u{1f600}\ud800'.charAt(i % 4)}${i}${'x'.repeat((i % 3) * 40_000)}`,
    ),
  )
  const version = fc.constantFrom('v1', 'v2')
  const noted = fc.array(fc.tuple(key, version, fc.nat(9)), { maxLength: 30 })
  const dropped = fc.array(fc.tuple(key, version), { maxLength: 3 })
  fc.assert(
    fc.property(fc.array(fc.tuple(noted, dropped), { maxLength: 10 }), (batches) => {
      const pages = createDigestPages(openSql().sql)
      const model = new Map<string, KnownRow>()
      for (const [noted, dropped] of batches) {
        const rows = noted.map(([key, version, n]): KnownRow => [key.toWellFormed(), version, toDigest(n), n])
        const drops = dropped.map(([key, version]): AskedRow => [key.toWellFormed(), version])
        pages.note(rows, drops)
        for (const row of rows) model.set(row[0], row)
        for (const [key, version] of drops) if (model.get(key)?.[1] === version) model.delete(key)
      }
      const all = [...model.values()]
      const found = pages.find(all.map(([key, version]): AskedRow => [key, version]))
      expect(new Map(found.map((row) => [row[0], row]))).toEqual(model)
    }),
    { numRuns: 30 },
  )
})
