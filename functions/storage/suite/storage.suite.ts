import { describe } from 'vitest'
import { describeEvidence } from './evidence.suite.ts'
import { describeKeeping } from './kept.suite.ts'
import { describeListing } from './listing.suite.ts'
import { describePassing } from './passing.suite.ts'
import { describeProving } from './proving.suite.ts'
import { describeReading } from './reading.suite.ts'
import type { Setup } from './suite-tools.suite.ts'
import { describeSurvey } from './survey.suite.ts'
import { describeMoving, describeWriting } from './writing.suite.ts'

export type { Setup, StorageUnderTest } from './suite-tools.suite.ts'

/**
 * Declares the tests that hold an adapter to every promise of `Storage`, for vitest. `setup` creates an empty
 * store and an adapter over it for each test, which closes it at its end. An adapter that cannot write passes
 * when it has no `put`, or when its `put` rejects as `read-only`.
 *
 * @example
 * describeStorage('my storage', async () => {
 *   const files = new Map<string, Uint8Array>()
 *   return {
 *     storage: createMyStorage(files),
 *     write: async (name, bytes) => void files.set(name, bytes),
 *     remove: async (name) => void files.delete(name),
 *     writable: false,
 *     seesChanges: false,
 *     close: async () => {},
 *   }
 * })
 */
export function describeStorage(title: string, setup: Setup): void {
  describe(title, () => {
    describeReading(setup)
    describeEvidence(setup)
    describeProving(setup)
    describeListing(setup)
    describeSurvey(setup)
    describePassing(setup)
    describeWriting(setup)
    describeMoving(setup)
    describeKeeping(setup)
  })
}
