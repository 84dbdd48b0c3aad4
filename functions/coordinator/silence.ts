import type { Reading, Work } from '../storage/storage.ts'
import type { Chunks } from '../storage/streams.ts'
import { ANSWER_MS, SILENCE_MS } from '../wire/limits.ts'
import { StorageError } from '../wire/trouble.ts'

/** How long a replica may take; milliseconds. */
export interface Deadlines {
  /** Without a sign of life. */
  readonly silence: number
  /** Without progress, whatever signs of life it gives. */
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
   * Takes a sign of life: it puts off the deadline of silence; and the one for an answer as well if something was done,
   * so that a read waits for as long as a file takes to be hashed.
   */
  note(work: Work): void
  /** Aborts `signal` before any deadline passes. */
  abort(reason: StorageError): void
  /** Whoever starts a watch stops it. */
  stop(): void
}

/**
 * Starts to watch a replica that was asked; without `answer`, for silence alone. What it was doing when a deadline passes
 * is part of the error's message.
 */
export function watchReplica({ silence, answer }: Partial<Deadlines> & Pick<Deadlines, 'silence'>): Watch {
  const abort = new AbortController()
  const { promise: expired, reject } = Promise.withResolvers<never>()
  expired.catch(() => {})

  let reading: Reading | undefined

  function expire(late: string, advice = ''): void {
    const message = `${late}${reading === undefined ? '' : ` while it read ${toHowFar(reading)}`}${advice}`
    const error = new StorageError('unreachable', message, { reason: 'http_response_timeout' })
    reject(error)
    abort.abort(error)
  }

  const fallSilent = () => expire(`the replica was silent for ${silence / 1000} seconds`)
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

/** What `work` resolves with, unless a silence passes before: then it is aborted, and this rejects. */
export async function withDeadline<T>(
  { silence }: Deadlines,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const watch = watchReplica({ silence })
  try {
    return await Promise.race([work(watch.signal), watch.expired])
  } finally {
    watch.stop()
  }
}

/** `body`, which errors when a chunk that is waited for does not come in time. */
export function withoutSilence(body: Chunks, deadlines: Deadlines): Chunks {
  return { ...body, next: () => withDeadline(deadlines, () => body.next()) }
}

/** `'photos/1.iso': 3.1 of 20.0 GB`, in units of 1,000 as disks are sold in. */
function toHowFar({ name, bytes, size }: Reading): string {
  const power = Math.min(Math.floor(Math.log10(Math.max(size, 1)) / 3), UNITS.length - 1)
  const toText = (amount: number) => (amount / 1000 ** power).toFixed(power === 0 ? 0 : 1)
  return `'${name}': ${toText(bytes)} of ${toText(size)} ${UNITS[power]}`
}

const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB', 'PB'] as const
