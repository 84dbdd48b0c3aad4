import type * as v from 'valibot'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createMemoryStorage, type MemoryStorage } from '../../storage/memory.ts'
import { hash, toBytes } from '../../storage/suite/set-up.suite.ts'
import { parseJson } from '../../wire/json/parse.ts'
import { AUDIT_BATCH_NAMES } from '../../wire/limits.ts'
import { differences, history, status } from '../../wire/schemas/ledger.ts'
import { StorageError } from '../../wire/storage-error.ts'
import { type AuditResult, readResult, withSurvey } from '../audit/audit.suite.ts'
import { coordinate, refusing } from '../set-up.suite.ts'
import type { Ledger } from './ledger.ts'

const MONDAY = Date.UTC(2026, 10, 2)
const DAY = 86_400_000
const GOOD_AT = '2026-10-01T00:00:00.000Z'
const NAMES = Array.from({ length: 10 }, (_, i) => `file ${i}`)

/** What a ledger promises, on any store: `open` returns a new one, which is empty. */
export function describeLedger(title: string, open: () => Ledger): void {
  describe(title, () => {
    let [one, other]: MemoryStorage[] = []
    let ledger: Ledger

    beforeEach(() => {
      vi.useFakeTimers({ toFake: ['Date'], now: MONDAY })
      ledger = open()
      one = createMemoryStorage({ same: 'same', differs: 'one', only: 'x', 'dir/a': 'a' })
      other = createMemoryStorage({ same: 'same', differs: 'other', 'dir/a': 'a' })
    })

    afterEach(() => {
      vi.useRealTimers()
    })

    const toApp = () =>
      coordinate(
        [one, other].flatMap((storage) => storage ?? []),
        { ledger },
      )
    const audit = async (query = '', app = toApp()): Promise<AuditResult> =>
      await readResult(await app.request(`/audit${query}`))
    const nextDay = () => vi.setSystemTime(Date.now() + DAY)

    async function ask<T extends v.GenericSchema>(schema: T, path: string): Promise<v.InferOutput<T>> {
      const read = parseJson(schema, await (await toApp().request(path)).text())
      if (!read.success) throw new Error(read.wrong)
      return read.output
    }

    const readHistory = async (name: string) =>
      (await ask(history, `/history/${name}`)).changes.map(({ at, found }) => [
        (Date.parse(at) - MONDAY) / DAY,
        found?.agreement ?? null,
        found?.replicas.map(({ version, state }) => version?.slice(0, 4) ?? state) ?? [],
      ])
    const short = async (text: string) => (await hash(toBytes(text))).slice(0, 4)

    it('knows nothing before the first audit', async () => {
      expect(await ask(status, '/status')).toEqual({
        ...{ last: null, unended: null, verification: null, differing: {}, replicas: [] },
      })
      expect(await ask(differences, '/differences')).toEqual({ entries: [], next: null })
      expect(await ask(history, '/history/same')).toEqual({ name: 'same', watched: null, changes: [] })
    })

    it('counts what is new and what has settled since the audit before', async () => {
      expect((await audit()).summary).not.toHaveProperty('changes')
      nextDay()
      expect((await audit()).summary.changes).toEqual({
        ...{ since: '2026-11-02T00:00:00.000Z', was: 'conflict', examples: [] },
        new: 0,
        settled: 0,
      })
      nextDay()
      other?.set('only', 'x')
      one?.set('late', 'late')
      one?.set('later', 'later')
      expect((await audit()).summary.changes).toEqual({
        ...{ since: '2026-11-03T00:00:00.000Z', was: 'conflict', examples: ['late', 'later'] },
        new: 2,
        settled: 1,
      })
    })

    it('knows the last whole audit, and how many names differ on which replica', async () => {
      const { summary } = await audit()
      nextDay()
      await audit('?prefix=dir/')
      expect(await ask(status, '/status')).toEqual({
        last: {
          ...{ prefix: '', match: [], exclude: [], after: '', summary },
          ...{ began: '2026-11-02T00:00:00.000Z', ended: '2026-11-02T00:00:00.000Z' },
        },
        unended: null,
        verification: null,
        differing: { conflict: 1, incomplete: 1 },
        replicas: [
          { id: 'server1', states: { differ: 1, match: 1 } },
          { id: 'server2', states: { differ: 1, missing: 1 } },
        ],
      })
    })

    it('counts the copies of every name, however long what was found of it is', async () => {
      one?.set('more', 'x'.repeat(20))
      other?.set('more', 'y'.repeat(3000))
      await audit()
      expect((await ask(status, '/status')).replicas).toEqual([
        { id: 'server1', states: { differ: 2, match: 1 } },
        { id: 'server2', states: { differ: 2, missing: 1 } },
      ])
    })

    it('knows an audit that broke off', async () => {
      await audit()
      nextDay()
      await ledger.begin({ prefix: 'a', match: ['*.jpg'], exclude: [] }, Date.now())
      expect((await ask(status, '/status')).unended).toEqual({
        ...{ prefix: 'a', match: ['*.jpg'], exclude: [], after: '', summary: null },
        ...{ began: '2026-11-03T00:00:00.000Z', ended: null },
      })
      await audit()
      expect((await ask(status, '/status')).unended).toBeNull()
      // The next part of a verification goes on from there.
      await ledger.begin({ prefix: '', match: [], exclude: [], isVerification: true }, Date.now())
      expect((await ask(status, '/status')).unended).toBeNull()
    })

    it('knows when every byte had been read, also while the next verification is under way', async () => {
      expect(await ledger.lastVerified()).toBeNull()
      await ledger.noteVerification({ began: 1, after: '', ended: 2 })
      await ledger.noteVerification({ began: 3, after: 'x', ended: null })
      expect(await ledger.lastVerified()).toBe(2)
    })

    it('lists what differs in pages, in byte order, with the time since when', async () => {
      one?.set('\u{1f600}', 'x')
      one?.set('\uffee', 'x')
      await audit()
      nextDay()
      one?.set('differs', 'another')
      one?.set('a', 'new')
      await audit()
      const names: [string, string][] = []
      for (let after: string | null = ''; after !== null; ) {
        const page: Awaited<ReturnType<Ledger['list']>> = await ask(
          differences,
          `/differences?limit=2&after=${encodeURIComponent(after)}`,
        )
        names.push(...page.entries.map(({ name, since }): [string, string] => [name, since.slice(0, 10)]))
        after = page.next
      }
      expect(names).toEqual([
        ['a', '2026-11-03'],
        ['differs', '2026-11-02'],
        ['only', '2026-11-02'],
        ['\uffee', '2026-11-02'],
        ['\u{1f600}', '2026-11-02'],
      ])
    })

    it('lists and counts what differs in a folder', async () => {
      const names = ['b', 'b/', 'b/a', 'b/c/d', 'b0', 'b/\u{10ffff}', 'b-']
      const number = await ledger.begin({ prefix: '', match: [], exclude: [] }, Date.now())
      await ledger.note(
        number,
        names.map((name) => ({ name, agreement: 'unknown', versions: [], replicas: [] })),
      )
      expect(await ledger.count(['', 'b/', 'b/c/', 'c/'])).toEqual([7, 4, 1, 0])
      const { entries, next } = await ledger.list({ folder: 'b/', after: '', limit: 3 })
      expect([entries.map(({ name }) => name), next]).toEqual([['b/', 'b/a', 'b/c/d'], 'b/c/d'])
      const rest = await ledger.list({ folder: 'b/', after: 'b/c/d', limit: 3 })
      expect([rest.entries.map(({ name }) => name), rest.next]).toEqual([['b/\u{10ffff}'], null])
      expect((await ledger.list({ folder: 'b/', after: 'c', limit: 3 })).entries).toEqual([])
    })

    it('lists the last audits that compared every name, the latest first', async () => {
      for (const query of ['', '?prefix=dir/', '', '']) {
        await audit(query)
        nextDay()
      }
      await verify({ seconds: 1e-9 })
      await ledger.begin({ prefix: '', match: [], exclude: [] }, Date.now())
      const all = await ledger.audits(9)
      expect(all.map(({ began }) => (Date.parse(began) - MONDAY) / DAY)).toEqual([3, 2, 0])
      expect(all.at(-1)?.summary?.names).toBe(4)
      expect(await ledger.audits(2)).toEqual(all.slice(0, 2))
    })

    it('lists it as the audit reported it, less what only held then', async () => {
      const { manifests } = await audit()
      const { entries } = await ask(differences, '/differences')
      expect(entries).toEqual(
        manifests.map((manifest) => ({
          ...manifest,
          versions: manifest.versions.map((version) => ({ ...version, modified: null })),
          replicas: manifest.replicas.map(
            ({ evidence: _e, age: _a, missingFolder: _m, ...report }) => report,
          ),
          since: '2026-11-02T00:00:00.000Z',
        })),
      )
    })

    it('keeps the history of a name, with a line only where something changed', async () => {
      for (const text of ['one', 'one', 'two', 'other', 'other', 'three']) {
        one?.set('differs', text)
        await audit()
        nextDay()
      }
      const other = await short('other')
      expect(await readHistory('differs')).toEqual([
        [0, 'conflict', [await short('one'), other]],
        [2, 'conflict', [await short('two'), other]],
        [3, null, []],
        [5, 'conflict', [await short('three'), other]],
      ])
      expect(await readHistory('same')).toEqual([])
      expect((await ask(history, '/history/same')).watched).toBe('2026-11-02T00:00:00.000Z')
    })

    it('changes nothing that is known of a replica which does not answer', async () => {
      await audit()
      nextDay()
      other?.set('only', 'x')
      one?.set('late', 'late')
      const half = coordinate(
        [one, refusing].flatMap((storage) => storage ?? []),
        { ledger },
      )
      await audit('', half)
      expect((await readHistory('differs')).length).toBe(1)
      expect((await readHistory('only')).length).toBe(1)
      nextDay()
      expect((await audit()).summary.changes).toMatchObject({ settled: 1 })
      expect((await readHistory('only')).at(-1)).toEqual([2, null, []])
    })

    it('settles only what an audit compares, by prefix and globs', async () => {
      await audit()
      other?.set('only', 'x')
      other?.set('differs', 'one')
      nextDay()
      for (const query of ['?prefix=dir/', '?match=s*', '?exclude=*']) await audit(query)
      expect((await ask(status, '/status')).differing).toEqual({ conflict: 1, incomplete: 1 })
      expect((await audit('?match=on*')).summary.changes).toEqual({
        ...{ since: '2026-11-02T00:00:00.000Z', was: 'conflict', new: 0, examples: [], settled: 1 },
      })
      expect((await ask(status, '/status')).differing).toEqual({ conflict: 1 })
    })

    const verify = async (request: object = {}, app = toApp()): Promise<AuditResult> => {
      const headers = { 'Content-Type': 'application/json' }
      return await readResult(
        await app.request('/verify', { method: 'POST', headers, body: JSON.stringify(request) }),
      )
    }

    it('verifies every byte in portions, one after the other, none twice', async () => {
      one = createMemoryStorage(Object.fromEntries(NAMES.map((name) => [name, 'x'.repeat(10)])))
      other = createMemoryStorage(Object.fromEntries(NAMES.map((name) => [name, 'x'.repeat(10)])))
      const counts: number[] = []
      for (let ended: string | null = null; ended === null; nextDay()) {
        const { summary } = await verify({ portion: 0.3 })
        counts.push(summary.names)
        ended = (await ask(status, '/status')).verification?.ended ?? null
        expect(summary.next === undefined).toBe(ended !== null)
      }
      // Of 200 bytes, 60 each time: of 3 names both copies.
      expect(counts).toEqual([3, 3, 3, 1])
      expect((await ask(status, '/status')).verification).toEqual({
        ...{ began: '2026-11-02T00:00:00.000Z', after: '', ended: '2026-11-05T00:00:00.000Z' },
      })
      await verify({ portion: 0.3 })
      expect((await ask(status, '/status')).verification).toEqual({
        ...{ began: '2026-11-06T00:00:00.000Z', after: NAMES[2], ended: null },
      })
    })

    it('verifies again what a replica that was left out has not read', async () => {
      const half = coordinate(
        [one, refusing].flatMap((storage) => storage ?? []),
        { ledger },
      )
      await verify({}, half)
      expect((await ask(status, '/status')).verification).toBeNull()
      await verify()
      expect((await ask(status, '/status')).verification?.ended).not.toBeNull()
    })

    it('goes on from before a replica was left out, for whatever reason', async () => {
      const many = Object.fromEntries(
        Array.from({ length: 2 * AUDIT_BATCH_NAMES }, (_, i) => [`file ${i}`, 'x']),
      )
      one = createMemoryStorage(many)
      const failing = withSurvey(createMemoryStorage(many), async function* () {
        yield await Promise.reject(new StorageError('unreadable', 'its disk is failing'))
      })
      const app = coordinate([one, failing], { ledger })
      expect((await verify({}, app)).summary.replicas.map(({ state }) => state)).toEqual(['ok', 'error'])
      expect((await ask(status, '/status')).verification).toBeNull()
    })

    it('leaves out what was read lately, when that is asked for', async () => {
      const { summary } = await verify()
      expect(summary.replicas.map(({ seen }) => seen.read)).toEqual([4, 3])
      await nextDay()
      const again = await verify({ maxAge: (2 * DAY) / 1000 })
      expect(again.summary.replicas.map(({ seen }) => seen.remembered)).toEqual([4, 3])
    })

    it('ends after the seconds that were asked for', async () => {
      const { summary } = await verify({ seconds: 1e-9 })
      expect([summary.names, summary.next]).toEqual([1, 'differs'])
    })

    it('counts a portion as compared only up to where it ended', async () => {
      await audit()
      other?.set('only', 'x')
      other?.set('differs', 'one')
      nextDay()
      const { summary } = await verify({ seconds: 1e-9 })
      // The first name of all is dir/a.
      expect([summary.next, summary.changes?.settled]).toEqual(['differs', 1])
    })

    it('knows corrupt copies until they are mended', async () => {
      const digest = await hash(toBytes('x'))
      const copy = { id: 'server1', name: 'a', digest, size: 1, second: 7 }
      const other = { id: 'server2', name: 'a', digest, size: 1 }
      await ledger.noteCorrupt(copy)
      await ledger.noteCorrupt(other)
      await ledger.noteCorrupt(copy)
      expect(new Set(await ledger.corrupt())).toEqual(new Set([copy, other]))
      await ledger.noteMended(copy)
      expect(await ledger.corrupt()).toEqual([other])
    })

    it('keeps signed trees, and returns the latest first', async () => {
      const toTree = (at: number) => ({ at, replicas: ['server1', 'server2'], note: `tree ${at}\n` })
      expect(await ledger.trees(2)).toEqual([])
      for (const at of [1, 2, 3]) await ledger.noteTree(toTree(at))
      expect(await ledger.trees(2)).toEqual([toTree(3), toTree(2)])
    })

    it('records rot, though the other copies agree', async () => {
      const { manifests } = await audit('?all')
      const [same] = manifests.filter(({ name }) => name === 'same')
      const number = await ledger.begin({ prefix: '', match: [], exclude: [] }, Date.now())
      const [first, second] = same?.replicas ?? []
      if (same === undefined || first === undefined || second === undefined) throw new Error('no such line')
      const rotted = await hash(toBytes('rotted'))
      await ledger.note(number, [
        { ...same, replicas: [first, { ...second, rottedFrom: rotted, goodAt: GOOD_AT }] },
      ])
      const { changes } = await ask(history, '/history/same')
      const [good, bad] = changes.at(-1)?.found?.replicas ?? []
      expect(good).not.toHaveProperty('rottedFrom')
      expect(bad).toMatchObject({ rottedFrom: rotted, goodAt: GOOD_AT })
    })
  })
}
