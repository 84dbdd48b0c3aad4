import { StorageError } from '../wire/trouble.ts'
import type { Facts } from './storage.ts'

/** Whether a question with this `maxAge` (see `DescribeOptions`) takes these facts; a question without one takes any. */
export function isFresh({ evidence, age }: Facts, maxAge: number | null | undefined): boolean {
  if (maxAge == null || evidence === 'read') return true
  // A reading of less than a second ago is not one after the question.
  return evidence === 'remembered' && maxAge > 0 && age !== null && age <= maxAge
}

/** The error for facts that rest on no such reading. */
export function notFresh(): StorageError {
  return new StorageError('unreadable', 'the replica did not read its copy as recently as was asked')
}
