import { LRUCache } from 'lru-cache'
import { type CheckSignature, createCheckSignature } from '../proof/check-signature.ts'
import type { Digest } from '../wire/digest.ts'
import { CACHED_CONTENT_COST_BYTES, CONTENT_CACHE_BYTES } from '../wire/limits.ts'
import { type Breaker, createBreaker } from './ask/breaker.ts'
import {
  type CorruptCopies,
  type CorruptCopiesOptions,
  createCorruptCopies,
} from './compare/corrupt-copies.ts'
import type { ContentCache } from './context.ts'
import { createRecentReads, type RecentReads } from './read/recent-reads.ts'

/** What a coordinator remembers from one request to the next: values alone, and no work under way. */
export interface CoordinatorState {
  readonly contentCache: ContentCache
  readonly corruptCopies: CorruptCopies
  readonly recentReads: RecentReads
  readonly checkSignature: CheckSignature
  /** The breaker of a replica's reads. */
  findBreaker(id: string): Breaker
  /** The breaker of its listings: a large directory may take long while files are read quickly. */
  findListingBreaker(id: string): Breaker
}

export interface StateOptions extends CorruptCopiesOptions {
  /** Bytes for small contents; `CONTENT_CACHE_BYTES` when absent. */
  readonly bytes?: number | undefined
  /** Called when the breaker of a replica's reads opens or closes. */
  readonly onBreaker?: ((id: string, isOpen: boolean) => void) | undefined
}

export function createState(options: StateOptions = {}): CoordinatorState {
  const { bytes = CONTENT_CACHE_BYTES, onBreaker } = options
  return {
    contentCache: createContentCache(bytes),
    corruptCopies: createCorruptCopies(options),
    recentReads: createRecentReads(),
    checkSignature: createCheckSignature(),
    findBreaker: createFinder((id) => createBreaker({ onChange: (isOpen) => onBreaker?.(id, isOpen) })),
    findListingBreaker: createFinder(() => createBreaker()),
  }
}

/** Caches `limit` bytes, each content's own cost included; drops the least recently used. */
export function createContentCache(limit: number): ContentCache {
  return new LRUCache<Digest, Uint8Array<ArrayBuffer>>({
    maxSize: limit,
    sizeCalculation: ({ length }) => length + CACHED_CONTENT_COST_BYTES,
  })
}

/** Creates a breaker for each id when it is first asked for. */
function createFinder(create: (id: string) => Breaker): (id: string) => Breaker {
  const breakers = new Map<string, Breaker>()
  return (id) => {
    const breaker = breakers.get(id) ?? create(id)
    breakers.set(id, breaker)
    return breaker
  }
}
