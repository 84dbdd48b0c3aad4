import { MAX_OPEN_LISTINGS, TREE_STEP_MS } from '../limits.ts'

/** Work in small steps: `next` does one, and the last returns the result. `return` frees what it holds. */
export type Steps<T> = Generator<null, T>

/** A listing or a survey on the tree thread. */
export interface Job<T> {
  readonly id: number
  /** Whether it may hold many entries in memory: at most `MAX_OPEN_LISTINGS` of these run at once. */
  readonly isListing: boolean
  start(): Steps<T>
  onResult(result: T): void
  onError(error: unknown): void
}

interface Open<T> {
  readonly job: Job<T>
  steps?: Steps<T>
}

/** Runs jobs in turns of `TREE_STEP_MS`. `defer` runs work after the messages that came: `setImmediate`. */
export function createJobs<T>(defer: (work: () => void) => void) {
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

  /** Runs one turn of a job; returns whether the job has ended. */
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
    for (const { job, steps } of open) if (isMeant(job)) steps?.return(undefined as never) // no result
    open = open.filter(({ job }) => !isMeant(job))
  }

  return {
    add(job: Job<T>): void {
      waiting.push(job)
      schedule()
    },
    /** Ends a job without a result, and frees what it holds. Does nothing for a job that has ended. */
    cancel: (id: number) => cancel((job) => job.id === id),
    cancelAll: () => cancel(() => true),
  }
}
