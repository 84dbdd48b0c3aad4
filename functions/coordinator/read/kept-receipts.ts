import { LRUCache } from 'lru-cache'
import type { Digest } from '../../wire/digest.ts'
import { KEPT_RECEIPT_MS, MAX_KEPT_RECEIPTS } from '../../wire/limits.ts'
import type { Answer } from '../compare/compare.ts'

/** What one comparison was answered with. */
interface Kept {
  readonly answers: readonly Answer[]
  readonly digest: Digest
  readonly answer: Promise<Response>
}

/**
 * The receipts of the last comparisons, by name: reads that share their questions share what follows of the
 * answers, which takes as long as the rest of a read.
 */
export type KeptReceipts = LRUCache<string, Kept>

export function createKeptReceipts(): KeptReceipts {
  return new LRUCache({ max: MAX_KEPT_RECEIPTS, ttl: KEPT_RECEIPT_MS })
}
