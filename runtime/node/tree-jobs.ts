import { MAX_OPEN_LISTINGS, TREE_STEP_MS } from './limits.ts'

/** Work in small steps: `next` does one, and the last gives the result. `return` gives back what it holds. */
export type Steps<T> = Generator<null, T>

/** One piece of work on the tree thread. */
export interface Job<T> {
  /** By which it is cancelled. */
  readonly id: number
  /** Whether it may hold many entries in memory; no more than `MAX_OPEN_LISTINGS` of these are in progress at once. */
  readonly isListing: boolean
  start(): Steps<T>
  onResult(result: T): void
  onError(error: unknown): void
}

/** Does jobs in turns of `TREE_STEP_MS` each, so that none waits for the end of another. */
export interface Jobs<T> {
  add(job: Job<T>): void
  /** Ends a job, and gives back what it holds; nothing is called for it any more. Does nothing for one that has ended. */
  cancel(id: number): void
  cancelAll(): void
}

interface Open<T> {
  readonly job: Job<T>
  /** Undefined before its first turn. */
  steps?: Steps<T>
}

/** `defer` runs work after the messages that have come meanwhile: `setImmediate`. */
export function createJobs<T>(defer: (work: () => void) => void): Jobs<T> {
  /** In the order of their turns. */
  let open: Open<T>[] = []
  let waiting: Job<T>[] = []
  let isScheduled = false

  function schedule(): void {
    if (isScheduled) return
    isScheduled = true
    defer(takeTurn)
  }

  function takeTurn(): void {
    isScheduled = false
    openWaiting()
    const first = open.shift()
    if (first === undefined) return
    if (!work(first)) open.push(first)
    if (open.length + waiting.length > 0) schedule()
  }

  function openWaiting(): void {
    let room = MAX_OPEN_LISTINGS - open.filter(({ job }) => job.isListing).length
    const later: Job<T>[] = []
    for (const job of waiting) {
      if (job.isListing && room <= 0) later.push(job)
      else open.push({ job })
      if (job.isListing) room--
    }
    waiting = later
  }

  /** Works on a job for its turn; whether it has ended. */
  function work(one: Open<T>): boolean {
    const { job } = one
    const until = performance.now() + TREE_STEP_MS
    try {
      one.steps ??= job.start()
      const { steps } = one
      do {
        const { done, value } = steps.next()
        if (!done) continue
        job.onResult(value)
        return true
      } while (performance.now() < until)
      return false
    } catch (error) {
      job.onError(error)
      return true
    }
  }

  function cancel(isMeant: (job: Job<T>) => boolean): void {
    waiting = waiting.filter((job) => !isMeant(job))
    for (const { job, steps } of open) if (isMeant(job)) steps?.return(undefined as never) // no result is wanted
    open = open.filter(({ job }) => !isMeant(job))
  }

  return {
    add(job) {
      waiting.push(job)
      schedule()
    },
    cancel: (id) => cancel((job) => job.id === id),
    cancelAll: () => cancel(() => true),
  }
}
