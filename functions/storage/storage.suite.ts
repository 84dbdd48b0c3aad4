import { describe } from 'vitest'
import { describeEvidence } from './evidence.suite.ts'
import { describeKeeping } from './kept.suite.ts'
import { describeListing } from './listing.suite.ts'
import { describePassing } from './passing.suite.ts'
import { describeReading } from './reading.suite.ts'
import type { Setup } from './suite-tools.suite.ts'
import { describeSurvey } from './survey.suite.ts'
import { describeWriting } from './writing.suite.ts'

export type { Setup, StorageUnderTest } from './suite-tools.suite.ts'

/**
 * Holds an adapter to every sentence of `storage.ts`. `setup` makes an empty store and the adapter over it, anew for
 * each test; the test closes it. What an adapter cannot do must be a refusal, and that is what is tested then.
 */
export function describeStorage(title: string, setup: Setup): void {
  describe(title, () => {
    describeReading(setup)
    describeEvidence(setup)
    describeListing(setup)
    describeSurvey(setup)
    describePassing(setup)
    describeWriting(setup)
    describeKeeping(setup)
  })
}
