import { KEPT_CONTENTS_BYTES } from '../wire/limits.ts'
import { type Breaker, createBreaker } from './breaker.ts'
import { type Contents, createContents } from './contents.ts'
import { createSuspects, type Suspects } from './suspects.ts'

/** What a coordinator remembers from one request to the next: values alone, and no work that is under way. */
export interface Memory {
  readonly contents: Contents
  readonly suspects: Suspects
  /** The breaker of a replica. */
  findBreaker(id: string): Breaker
}

export interface MemoryOptions {
  /** For small contents; `KEPT_CONTENTS_BYTES` when absent. */
  readonly bytes?: number | undefined
  /** Told of each copy whose bytes contradicted its digest: the replica's id, and the name. */
  readonly onCorrupt?: ((id: string, name: string) => void) | undefined
  /** Told when the breaker of a replica opens, and when it is closed again. */
  readonly onBreaker?: ((id: string, isOpen: boolean) => void) | undefined
}

export function createMemory(options: MemoryOptions = {}): Memory {
  const { bytes = KEPT_CONTENTS_BYTES, onCorrupt, onBreaker } = options
  const breakers = new Map<string, Breaker>()
  return {
    contents: createContents(bytes),
    suspects: createSuspects(onCorrupt),
    findBreaker(id) {
      const breaker = breakers.get(id) ?? createBreaker({ onChange: (isOpen) => onBreaker?.(id, isOpen) })
      breakers.set(id, breaker)
      return breaker
    },
  }
}
