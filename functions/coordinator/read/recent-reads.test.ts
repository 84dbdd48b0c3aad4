import { describe, expect, it } from 'vitest'
import type { Facts } from '../../storage/facts.ts'
import { MAX_RECENT_READS } from '../../wire/limits.ts'
import { StorageError } from '../../wire/storage-error.ts'
import { isSendable } from '../compare/compare.ts'
import { createRecentReads } from './recent-reads.ts'

const FACTS: Facts = { size: 1, digest: 'a'.repeat(64), modified: 5, evidence: 'remembered', age: 3 }
const toAnswers = (...said: readonly (Facts | null | StorageError)[]) =>
  said.map((one, i) => ({ id: `r${i}`, said: one }))
const ERROR = new StorageError('unreachable', 'it is gone')

describe('the finding of a read', () => {
  it('is made once for answers that say the same', () => {
    const reads = createRecentReads()
    const first = reads.find('f', toAnswers(FACTS, null, ERROR))
    expect(reads.find('f', toAnswers({ ...FACTS }, null, ERROR))).toBe(first)
    const [version] = first.comparison.versions
    if (version === undefined || !isSendable(version)) throw new Error('there is a version')
    expect(first.represent(version)).toBe(first.represent(version))
  })

  it.each([
    ['another digest', toAnswers({ ...FACTS, digest: 'b'.repeat(64) }, null)],
    ['another size', toAnswers({ ...FACTS, size: 2 }, null)],
    ['another time', toAnswers({ ...FACTS, modified: null }, null)],
    ['other evidence', toAnswers({ ...FACTS, evidence: 'recorded' }, null)],
    ['an older reading', toAnswers({ ...FACTS, age: 4 }, null)],
    ['an error', toAnswers(FACTS, ERROR)],
    ['a copy that is gone', toAnswers(null, null)],
    ['another replica', toAnswers(FACTS, null).toReversed()],
    ['fewer replicas', toAnswers(FACTS)],
    ['more replicas', toAnswers(FACTS, null, null)],
  ])('is made again for %s', (_, answers) => {
    const reads = createRecentReads()
    const first = reads.find('f', toAnswers(FACTS, null))
    const next = reads.find('f', answers)
    expect(next).not.toBe(first)
    expect(next.comparison.answers).toBe(answers)
  })

  it('keeps no finding before it, however often nothing was sent', () => {
    const reads = createRecentReads()
    const times = 20_000
    for (let i = 0; i < times; i++) reads.find('f', toAnswers({ ...FACTS, age: i }, ERROR))
    const { comparison, represent } = reads.find('f', toAnswers({ ...FACTS, age: times }, ERROR))
    const [version] = comparison.versions
    if (version === undefined || !isSendable(version)) throw new Error('there is a version')
    expect(represent(version).size).toBe(1)
  })

  it('is that of its name, and kept for the last names only', () => {
    const reads = createRecentReads()
    const answers = toAnswers(FACTS, FACTS)
    const first = reads.find('f', answers)
    expect(reads.find('g', answers)).not.toBe(first)
    for (let i = 0; i < MAX_RECENT_READS; i++) reads.find(`other ${i}`, answers)
    expect(reads.find('f', answers)).not.toBe(first)
  })
})
