import { describe, expect } from 'vitest'
import { addPassed, type Passed } from '../../wire/passed.ts'
import type { Storage } from '../storage.ts'
import { readSurvey } from '../survey/read-survey.ts'
import type { Survey } from '../survey/survey.ts'
import { isWritable } from '../writable.ts'
import { createTestHasher, toBytes } from './set-up.suite.ts'
import {
  createFact,
  describeOne,
  drain,
  expectTrouble,
  type Planted,
  type Setup,
  type StorageUnderTest,
  toPut,
} from './suite-tools.suite.ts'

const EVERYTHING: Survey = {
  ...{ ranges: [{ after: '', until: null }], prefix: '', grain: 0, maxAge: null },
  ...{ match: [], exclude: [], passed: true },
}

/** Names before, among and after the planted entries. */
const NAMES: readonly string[] = ['0', 'a', 'd/0', 'd/z', 'm', 'z/z']

/** The promises about entries that a store cannot show as files. */
export function describePassing(setup: Setup): void {
  const fact = createFact(setup)

  describe('an entry that cannot be listed', () => {
    fact('is counted by kind, once, in pages of any size', async (under) => {
      const planted = await plant(under)
      for (const limit of [1, 2, 4, 1000])
        expect(await listPassed(under.storage, limit)).toEqual(count(planted))
    })

    fact('is counted by a survey that asks for it, once, at any grain, and not by another', async (under) => {
      const planted = await plant(under)
      for (const grain of [0, 1, 3, 12]) {
        expect(await survey(under.storage, { grain })).toEqual({ counts: count(planted), isAll: true })
        expect(await survey(under.storage, { grain, passed: false })).toEqual({ counts: [], isAll: false })
      }
      expect(await survey(under.storage, { maxAge: 0 })).toEqual({ counts: count(planted), isAll: true })
    })

    fact('is counted when the prefix and the globs select it', async (under) => {
      const planted = await plant(under)
      const below = planted.filter(({ example }) => example.startsWith('d/'))
      const others = planted.filter(({ example }) => !example.startsWith('d/'))
      expect((await survey(under.storage, { prefix: 'd/' })).counts).toEqual(count(below))
      expect((await survey(under.storage, { prefix: 'm' })).counts).toEqual([])
      expect((await survey(under.storage, { exclude: ['d/'] })).counts).toEqual(count(others))
    })

    fact('is counted once by surveys of parts that follow one another', async (under) => {
      const planted = await plant(under)
      const bounds = ['', 'a', 'd/0', 'd/5', 'm', null] as const
      const parts: Counts[] = []
      for (const [i, until] of bounds.slice(1).entries()) {
        parts.push((await survey(under.storage, { ranges: [{ after: bounds[i] ?? '', until }] })).counts)
      }
      expect(toCounts(parts.flat())).toEqual(count(planted))
    })

    fact('is followed only to the longest name that the store can hold', async (under) => {
      const { storage, writable, holdsLongSegments = false } = under
      const name = `d/${'x'.repeat(256)}`
      expect(await describeOne(storage, name)).toBeNull()
      expect(await storage.open(name)).toBeNull()
      if (!writable || !isWritable(storage)) return
      const bytes = toBytes('long')
      const put = storage.put(name, new Response(bytes).body ?? fail(), await toPut(bytes, null))
      if (!holdsLongSegments) return await expectTrouble(put, 'invalid-name')
      await put
      expect(await drain((await storage.open(name))?.body ?? fail())).toEqual(bytes)
      expect((await storage.list()).entries.map((entry) => entry.name)).toEqual([name])
    })
  })
}

async function plant(under: StorageUnderTest): Promise<readonly Planted[]> {
  for (const name of NAMES) await under.write(name, toBytes(name))
  return (await under.plant?.()) ?? []
}

type Counts = readonly {
  readonly kind: string
  readonly count: number
  readonly examples: readonly string[]
}[]

function count(planted: readonly Planted[]): Counts {
  return toCounts(planted.map(({ kind, example }) => ({ kind, count: 1, examples: [example] })))
}

/** Sorted by kind, each with its examples sorted. */
function toCounts(passed: Counts): Counts {
  const sum = passed.reduce((sum: readonly Passed[], one) => addPassed(sum, [one as Passed]), []) // of kinds as planted
  return sum
    .map((one) => ({ ...one, examples: [...one.examples].sort() }))
    .sort((a, b) => (a.kind < b.kind ? -1 : 1))
}

async function listPassed(storage: Storage, limit: number): Promise<Counts> {
  const all: Passed[] = []
  for (let after: string | null = ''; after !== null; ) {
    const page: Awaited<ReturnType<Storage['list']>> = await storage.list({ after, limit })
    all.push(...(page.passed ?? []))
    after = page.next
  }
  return toCounts(all)
}

async function survey(storage: Storage, changes: Partial<Survey>) {
  const all: Passed[] = []
  let isAll = false
  for await (const line of readSurvey(
    storage,
    { ...EVERYTHING, ...changes },
    { createHasher: createTestHasher },
  )) {
    if (!('passed' in line)) continue
    isAll ||= line.passed.length === 0
    all.push(...line.passed)
  }
  return { counts: toCounts(all), isAll }
}

function fail(): never {
  throw new Error('there is no body')
}
