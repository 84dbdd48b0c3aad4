import type { Reading, Work } from '../../storage/storage.ts'
import { ANSWER_MS, SILENCE_MS } from '../../wire/limits.ts'
import { StorageError } from '../../wire/storage-error.ts'

/** How long a replica may take, in milliseconds. */
export interface Deadlines {
  /** Without a sign of life. */
  readonly silence: number
  /** Without progress, even with signs of life. */
  readonly answer: number
}

export const DEADLINES: Deadlines = { silence: SILENCE_MS, answer: ANSWER_MS }

/** The deadlines of one question. */
export interface Watch {
  /** Aborts when a deadline passes, and by `abort`. */
  readonly signal: AbortSignal
  /** Rejects when a deadline passes, and never resolves. */
  readonly expired: Promise<never>
  /**
   * Notes a sign of life, which extends the deadline for silence. Work that was done extends the deadline for
   * the answer too, so that a read waits for as long as a file takes to be hashed.
   */
  note(work: Work): void
  /** Aborts `signal` before any deadline passes. */
  abort(reason: StorageError): void
  /** Must be called by the caller of `watchReplica`. */
  stop(): void
}

/** Starts a question's deadlines, without `answer` only that for silence. Errors name the file being read. */
export function watchReplica({ silence, answer }: Partial<Deadlines> & Pick<Deadlines, 'silence'>): Watch {
  const abort = new AbortController()
  const { promise: expired, reject } = Promise.withResolvers<never>()
  expired.catch(() => {})

  let reading: Reading | undefined

  function expire(late: string, advice = ''): void {
    const error = toTimeoutError(
      `${late}${reading === undefined ? '' : ` while it read ${toProgressText(reading)}`}${advice}`,
    )
    reject(error)
    abort.abort(error)
  }

  const fallSilent = () => expire(toSilenceMessage(silence))
  const tooLong = () =>
    expire(
      `the replica made no progress for ${(answer ?? 0) / 1000} seconds`,
      '; ask again later, or let --answer-timeout allow more',
    )
  const startAnswer = () => (answer === undefined ? undefined : setTimeout(tooLong, answer))
  let last = startAnswer()
  let timer = setTimeout(fallSilent, silence)
  return {
    signal: abort.signal,
    expired,
    note(work) {
      reading = work.reading
      clearTimeout(timer)
      timer = setTimeout(fallSilent, silence)
      if (work.done <= 0) return
      clearTimeout(last)
      last = startAnswer()
    },
    abort: (reason) => abort.abort(reason),
    stop() {
      clearTimeout(timer)
      clearTimeout(last)
    },
  }
}

function toSilenceMessage(ms: number): string {
  return `the replica was silent for ${ms / 1000} seconds`
}

function toTimeoutError(message: string): StorageError {
  return new StorageError('unreachable', message, { reason: 'http_response_timeout' })
}

/** The deadline for silence of a stream of answers. */
export interface StreamWatch {
  /** Starts the deadline: when the coordinator begins to wait, and at each sign of life. */
  note(): void
  /** Resolves as `answer` does; rejects when the deadline passes before. One answer is awaited at a time. */
  wait<T>(answer: Promise<T>): Promise<T>
  /** Ends the watch, and rejects a wait under way with `reason`. Called once by whoever started it. */
  stop(reason: StorageError): void
}

/** Watches a stream, of whose answers there may be millions: each costs a timer, and no signal of its own. */
export function watchStream({ silence }: Pick<Deadlines, 'silence'>): StreamWatch {
  let silentSince = 0
  let rejectWaiting: ((error: StorageError) => void) | undefined
  const onSilence = () => rejectWaiting?.(toTimeoutError(toSilenceMessage(silence)))

  return {
    note() {
      silentSince = performance.now()
    },
    async wait(answer) {
      const timer = setTimeout(onSilence, silentSince + silence - performance.now())
      try {
        return await new Promise((resolve, reject) => {
          rejectWaiting = reject
          answer.then(resolve, reject)
        })
      } finally {
        clearTimeout(timer)
        rejectWaiting = undefined
      }
    },
    stop: (reason) => rejectWaiting?.(reason),
  }
}

/** Whether this is an error that only a deadline showed, by its type of RFC 9209 §2.3. */
export function isTimeout(said: unknown): said is StorageError {
  return said instanceof StorageError && said.reason.endsWith('_timeout')
}

/** Resolves as `work` does; aborts it and rejects when it takes longer than the deadline for silence. */
export function withDeadline<T>(
  { silence }: Pick<Deadlines, 'silence'>,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  return underWatch({ silence }, (watch) => work(watch.signal))
}

/**
 * Resolves as `work` does, which notes its signs of life; aborts it and rejects when one of both deadlines
 * passes. `signal` aborts `work` too, which then rejects by itself.
 */
export function withDeadlines<T>(
  deadlines: Deadlines,
  signal: AbortSignal,
  work: (signal: AbortSignal, note: Watch['note']) => Promise<T>,
): Promise<T> {
  return underWatch(deadlines, (watch) => work(AbortSignal.any([watch.signal, signal]), watch.note))
}

async function underWatch<T>(
  deadlines: Parameters<typeof watchReplica>[0],
  work: (watch: Watch) => Promise<T>,
): Promise<T> {
  const watch = watchReplica(deadlines)
  try {
    return await Promise.race([work(watch), watch.expired])
  } finally {
    watch.stop()
  }
}

/** `'photos/1.iso': 3.1 of 20.0 GB`, in units of 1,000 as for disks. */
function toProgressText({ name, bytes, size }: Reading): string {
  const power = Math.min(Math.floor(Math.log10(Math.max(size, 1)) / 3), UNITS.length - 1)
  const toText = (amount: number) => (amount / 1000 ** power).toFixed(power === 0 ? 0 : 1)
  return `'${name}': ${toText(bytes)} of ${toText(size)} ${UNITS[power]}`
}

const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB', 'PB'] as const
