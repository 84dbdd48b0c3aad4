import { describe, expect } from 'vitest'
import { type Facts, isFresh } from '../facts.ts'
import type { Storage } from '../storage.ts'
import { readSurvey } from '../survey/read-survey.ts'
import type { Found, Progress } from '../survey/survey.ts'
import { createTestHasher, hash, toBytes } from './set-up.suite.ts'
import { createFact, createNoise, expectTrouble, type Setup } from './suite-tools.suite.ts'

const HOUR = 3600

/** The promises of `Facts.evidence`, `Facts.age` and `maxAge`. */
export function describeEvidence(setup: Setup): void {
  const fact = createFact(setup)

  describe('evidence', () => {
    fact('has an age of 0 when read, no age when stored, else whole seconds or no age', async (under) => {
      const { storage, write } = under
      for (const bytes of [createNoise(70_000), createNoise(70_000, 2)]) {
        await write('a', bytes)
        for (const maxAge of [undefined, undefined, 0, HOUR, undefined])
          expectHonest(await describeWithin(storage, 'a', maxAge))
      }
    })

    fact('is read, of the current bytes, for a request with a maxAge of 0', async ({ storage, write }) => {
      for (const bytes of [toBytes('one'), toBytes('two'), new Uint8Array(), createNoise(70_000)]) {
        await write('a', bytes)
        await describeWithin(storage, 'a', undefined)
        for (let i = 0; i < 2; i++) {
          const facts = await describeWithin(storage, 'a', 0)
          expect(facts).toMatchObject({ size: bytes.length, evidence: 'read', age: 0 })
          expect(facts?.digest).toBe(await hash(bytes))
        }
      }
    })

    fact('is a reading within the maxAge of a request', async ({ storage, write }) => {
      await write('a', toBytes('abc'))
      for (let i = 0; i < 3; i++) {
        const facts = await describeWithin(storage, 'a', HOUR)
        expect(facts).toMatchObject({ size: 3, evidence: expect.stringMatching(/^(read|remembered)$/) })
        expect(facts !== null && isFresh(facts, HOUR)).toBe(true)
      }
    })

    fact('does not change the answer for an absent file or an invalid name', async ({ storage, write }) => {
      await write('a/b', toBytes('file'))
      for (const maxAge of [0, HOUR]) {
        expect(await describeWithin(storage, 'missing', maxAge)).toBeNull()
        expect(await describeWithin(storage, 'a', maxAge)).toBeNull()
        await expectTrouble(describeWithin(storage, '../a', maxAge), 'invalid-name')
      }
    })

    fact('of a survey is the same as that of describe, and is counted', async ({ storage, write }) => {
      const names = ['a', 'd/b', 'd/c', 'z']
      for (const name of names) await write(name, toBytes(name))
      for (const maxAge of [null, 0, HOUR]) {
        const { found, seen } = await survey(storage, maxAge)
        expect(found.map(({ name }) => name)).toEqual(names)
        for (const { said } of found) {
          if (!('digest' in said)) throw said
          expectHonest(said)
          expect(isFresh(said, maxAge)).toBe(true)
          if (maxAge === 0) expect(said).toMatchObject({ evidence: 'read', age: 0 })
        }
        const counts = seen && [seen.read, seen.remembered, seen.stored, seen.recorded]
        expect(counts?.reduce((sum, count) => sum + count, 0)).toBe(names.length)
        if (maxAge === 0) expect(seen).toMatchObject({ read: names.length, oldest: 0 })
        if (maxAge !== null) expect(seen).toMatchObject({ stored: 0, recorded: 0 })
      }
    })
  })
}

async function describeWithin(storage: Storage, name: string, maxAge: number | undefined) {
  return (await storage.describe([name], { maxAge })[0]) ?? null
}

function expectHonest(facts: Facts | null): void {
  if (facts === null) throw new Error('the file is not there')
  const { evidence, age } = facts
  expect(['read', 'remembered', 'stored', 'recorded']).toContain(evidence)
  if (evidence === 'read') expect(age).toBe(0)
  if (evidence === 'stored') expect(age).toBeNull()
  if (age !== null) expect(Number.isSafeInteger(age) && age >= 0).toBe(true)
}

async function survey(storage: Storage, maxAge: number | null) {
  const found: Found[] = []
  let seen: Progress['seen'] | undefined
  const ranges = [{ after: '', until: null }]
  const whole = { ranges, prefix: '', grain: 0, maxAge, match: [], exclude: [] }
  for await (const line of readSurvey(storage, whole, { createHasher: createTestHasher })) {
    if ('said' in line) found.push(line)
    if ('seen' in line) seen = line.seen
  }
  return { found, seen }
}
