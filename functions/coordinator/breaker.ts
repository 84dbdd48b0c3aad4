import { BREAKER_FAILURES, BREAKER_OPEN_MS } from '../wire/limits.ts'
import { StorageError } from '../wire/trouble.ts'

/** `closed`: the replica is asked. `open`: it is not. `half-open`: one question at a time shows whether it is back. */
export type BreakerState = 'closed' | 'open' | 'half-open'

/** Spares reads the wait for a replica that has just failed several times in a row. */
export interface Breaker {
  state(): BreakerState
  /** Null when the replica is to be asked, and what came of it noted; else what it is taken to have answered. */
  refuse(): StorageError | null
  /** What came of asking: null for any answer, else why there was none. */
  note(failure: StorageError | null): void
}

export interface BreakerOptions {
  /** In milliseconds; the host's clock when absent. */
  readonly now?: (() => number) | undefined
  /** Told when it opens, and when it is closed again; half-open is open still. */
  readonly onChange?: ((isOpen: boolean) => void) | undefined
}

/** Opens after `BREAKER_FAILURES` failures in a row, for `BREAKER_OPEN_MS` after the last. */
export function createBreaker({ now = Date.now, onChange = () => {} }: BreakerOptions = {}): Breaker {
  let failures: StorageError[] = []
  let failedAt = 0
  let probedAt = Number.NEGATIVE_INFINITY

  function isOpen(): boolean {
    return failures.length === BREAKER_FAILURES
  }

  function state(): BreakerState {
    if (!isOpen()) return 'closed'
    return now() - failedAt < BREAKER_OPEN_MS ? 'open' : 'half-open'
  }

  function refuse(): StorageError | null {
    const current = state()
    if (current === 'closed') return null
    // What came of a probe may never be noted: a host may end a request's work with its client (workerd).
    if (current === 'half-open' && now() - probedAt >= BREAKER_OPEN_MS) {
      probedAt = now()
      return null
    }
    const { message, reason } = failures.at(-1) ?? new StorageError('unreachable', 'the replica failed')
    return new StorageError('unreachable', `${message}; it is not asked again yet`, { reason })
  }

  return {
    state,
    refuse,
    note(failure) {
      probedAt = Number.NEGATIVE_INFINITY
      const wasOpen = isOpen()
      failures = failure === null ? [] : [...failures, failure].slice(-BREAKER_FAILURES)
      failedAt = now()
      if (isOpen() !== wasOpen) onChange(!wasOpen)
    },
  }
}
