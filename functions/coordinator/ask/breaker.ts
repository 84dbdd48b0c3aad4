import { BREAKER_FAILURES, BREAKER_OPEN_MS } from '../../wire/limits.ts'
import { StorageError } from '../../wire/storage-error.ts'
import { isTimeout } from './deadlines.ts'

/** `closed`: the replica is asked; `open`: it is not; `half-open`: one question at a time probes it. */
type BreakerState = 'closed' | 'open' | 'half-open'

/** A circuit breaker: reads do not wait for a replica that has just failed several times in a row. */
export interface Breaker {
  state(): BreakerState
  /** Null when the replica may be asked, and the result then noted; else the error to take as its answer. */
  check(): StorageError | null
  /** The last result, if it was a failure that only a deadline showed; null otherwise. */
  lastTimeout(): StorageError | null
  /** Notes the result: null for any answer, else why there was none. */
  note(failure: StorageError | null): void
}

interface BreakerOptions {
  /** In milliseconds; the host's clock when absent. */
  readonly now?: (() => number) | undefined
  /** Called when it opens and when it closes; half-open counts as open. */
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

  function check(): StorageError | null {
    const current = state()
    if (current === 'closed') return null
    // A probe's result may never be noted: a host may end a request's work when its client leaves (workerd).
    if (current === 'half-open' && now() - probedAt >= BREAKER_OPEN_MS) {
      probedAt = now()
      return null
    }
    const { message, reason } = failures.at(-1) ?? new StorageError('unreachable', 'the replica failed')
    return new StorageError('unreachable', `${message}; it is not asked again yet`, { reason })
  }

  return {
    state,
    check,
    lastTimeout() {
      const last = failures.at(-1)
      return isTimeout(last) ? last : null
    },
    note(failure) {
      probedAt = Number.NEGATIVE_INFINITY
      const wasOpen = isOpen()
      failures = failure === null ? [] : [...failures, failure].slice(-BREAKER_FAILURES)
      failedAt = now()
      if (isOpen() !== wasOpen) onChange(!wasOpen)
    },
  }
}
