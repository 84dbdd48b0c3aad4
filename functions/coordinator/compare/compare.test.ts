import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isFacts } from '../../storage/facts.ts'
import { StorageError } from '../../wire/storage-error.ts'
import { type Answer, compare } from './compare.ts'

const silent = new StorageError('unreachable', 'the replica refused the connection')
const facts = (digit: string, size = 1) => ({
  size,
  digest: digit.repeat(64),
  modified: null,
  evidence: 'read' as const,
  age: 0,
})
const said = fc.oneof(
  fc
    .record({ digit: fc.constantFrom('a', 'b'), size: fc.constantFrom(1, 2) })
    .map((f) => facts(f.digit, f.size)),
  fc.constant(null),
  fc.constant(silent),
)
const answers = fc
  .array(said, { minLength: 1, maxLength: 6 })
  .map((all) => all.map((one, i) => ({ id: `r${i}`, said: one })))
const has = (all: readonly Answer[], what: (said: Answer['said']) => boolean) =>
  all.some((answer) => what(answer.said))
const isError = (one: Answer['said']) => one instanceof StorageError

describe('compare', () => {
  const a = facts('a')
  const b = facts('b')
  const recorded = { ...a, size: null, evidence: 'recorded' as const }
  it.each([
    ['unanimous', [a]],
    ['unanimous', [a, a, a]],
    ['incomplete', [a, null]],
    ['incomplete', [null, a, a]],
    ['degraded', [a, silent]],
    ['degraded', [a, null, silent]],
    ['conflict', [a, b]],
    ['conflict', [a, b, silent, null]],
    ['conflict', [a, facts('a', 2)]],
    ['unanimous', [recorded, a]],
    ['unanimous', [a, recorded, recorded]],
    ['unanimous', [recorded]],
    ['incomplete', [recorded, null, a]],
    ['conflict', [recorded, b]],
    ['conflict', [recorded, a, facts('a', 2)]],
    ['absent', [null]],
    ['absent', [null, null]],
    ['unknown', [silent]],
    ['unknown', [null, silent]],
    ['unknown', []],
  ] as const)('calls it %s when the replicas answer %j', (agreement, all) => {
    expect(compare(all.map((one, i) => ({ id: `r${i}`, said: one }))).agreement).toBe(agreement)
  })

  it('finds the same agreement in any order of the replicas', () => {
    fc.assert(
      fc.property(
        answers.chain((all) =>
          fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })),
        ),
        ([all, shuffled]) => {
          const one = compare(all)
          const other = compare(shuffled)
          expect(other.agreement).toBe(one.agreement)
          expect(other.answered).toBe(one.answered)
          const key = (c: typeof one) =>
            c.versions.map((v) => `${v.digest}${v.size}${[...v.holders].sort()}`).sort()
          expect(key(other)).toEqual(key(one))
        },
      ),
    )
  })

  it('calls it unanimous only when every replica holds the same digest and size', () => {
    fc.assert(
      fc.property(answers, (all) => {
        const same = new Set(all.map(({ said }) => (isFacts(said) ? `${said.digest}${said.size}` : 'no')))
        expect(compare(all).agreement === 'unanimous').toBe(same.size === 1 && !same.has('no'))
      }),
    )
  })

  it('never calls it absent while an answer is an error or holds the file', () => {
    fc.assert(
      fc.property(answers, (all) => {
        const absent = compare(all).agreement === 'absent'
        expect(absent).toBe(!has(all, isError) && !has(all, isFacts))
      }),
    )
  })

  it('calls it a conflict whenever two contents differ, even if another replica is silent', () => {
    fc.assert(
      fc.property(answers, (all) => {
        const contents = new Set(
          all.flatMap(({ said }) => (isFacts(said) ? [`${said.digest}${said.size}`] : [])),
        )
        expect(compare(all).agreement === 'conflict').toBe(contents.size > 1)
      }),
    )
  })

  it('lists each holder under exactly the version it holds', () => {
    fc.assert(
      fc.property(answers, (all) => {
        const { versions } = compare(all)
        for (const { id, said } of all) {
          const held = versions.filter((version) => version.holders.includes(id))
          expect(held.map(({ digest, size }) => ({ digest, size }))).toEqual(
            isFacts(said) ? [{ digest: said.digest, size: said.size }] : [],
          )
        }
      }),
    )
  })

  it('dates a version by its latest holder, and not at all when no holder keeps a time', () => {
    const at = (modified: number | null) => ({ ...a, modified })
    const modified = (...times: (number | null)[]) =>
      compare(times.map((time, i) => ({ id: `r${i}`, said: at(time) }))).versions[0]?.modified
    expect(modified(5, 9, 7)).toBe(9)
    expect(modified(null, 3)).toBe(3)
    expect(modified(null, null)).toBeNull()
  })
})
