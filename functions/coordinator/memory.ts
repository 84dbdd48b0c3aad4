import { KEPT_CONTENTS_BYTES } from '../wire/limits.ts'
import { type Breaker, createBreaker } from './breaker.ts'
import { type Contents, createContents } from './contents.ts'
import { createSuspects, type Suspects } from './suspects.ts'

/** What a coordinator remembers from one request to the next: values alone, and no work that is under way. */
export interface Memory {
  readonly contents: Contents
  readonly suspects: Suspects
  /** The breaker of a replica's reads. */
  findBreaker(id: string): Breaker
  /** The breaker of its listings: a large directory that takes long is no reason not to ask for files. */
  findListingBreaker(id: string): Breaker
}

export interface MemoryOptions {
  /** For small contents; `KEPT_CONTENTS_BYTES` when absent. */
  readonly bytes?: number | undefined
  /** Told of each copy whose bytes contradicted its digest: the replica's id, and the name. */
  readonly onCorrupt?: ((id: string, name: string) => void) | undefined
  /** Told when the breaker of a replica's reads opens, and when it is closed again. */
  readonly onBreaker?: ((id: string, isOpen: boolean) => void) | undefined
}

export function createMemory(options: MemoryOptions = {}): Memory {
  const { bytes = KEPT_CONTENTS_BYTES, onCorrupt, onBreaker } = options
  const findBreaker = createFinder((id) => createBreaker({ onChange: (isOpen) => onBreaker?.(id, isOpen) }))
  return {
    contents: createContents(bytes),
    suspects: createSuspects(onCorrupt),
    findBreaker,
    findListingBreaker: createFinder(() => createBreaker()),
  }
}

/** Makes a breaker for each id when it is first asked for. */
function createFinder(create: (id: string) => Breaker): (id: string) => Breaker {
  const breakers = new Map<string, Breaker>()
  return (id) => {
    const breaker = breakers.get(id) ?? create(id)
    breakers.set(id, breaker)
    return breaker
  }
}
