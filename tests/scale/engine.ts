import type { DoStep } from '../../functions/coordinator/steps/run-part.ts'
import type { Clock } from './weather.ts'
import { toShare } from './world.ts'

/** How often an execution of a step goes wrong: one in so many. */
export interface Faults {
  /** It fails before it begins. */
  readonly unbegun: number
  /** It is done, and its result is lost, so that it is done again. */
  readonly lost: number
  /** It is done twice at the same time. */
  readonly duplicate: number
  /** The process ends after it, before its result is kept; another goes on with the results that are kept. */
  readonly restart: number
  /** The same, and no result is kept. */
  readonly forgotten: number
}

/** The process that did the steps has ended. */
class Ended extends Error {}

/** When a step is tried again, as `runtime/workers/audit/part-workflow.ts` has it. */
const RETRY_MS = [10_000, 20_000, 40_000]
/** What the engine takes for a step, beside its work. */
const STEP_MS = 200

/** What an engine was asked to do. */
export interface EngineCounts {
  /** Steps that were done, the most in one instance. */
  steps: number
  most: number
  /** Each time that one was begun, and how often something went wrong. */
  executions: number
  failures: number
  duplicates: number
  restarts: number
  /** The JSON of all results that one instance keeps, in characters, at most. */
  state: number
}

/**
 * Runs parts at the same simulated time, as Cloudflare Workflows do: a step whose result is kept is not done
 * again, and one that rejects is tried again, with pauses. One step is done after the other, in the order of
 * the times at which they begin.
 */
export function createEngine(clock: Clock, faults: Faults, seed: number, began: number) {
  const counts: EngineCounts = {
    ...{ steps: 0, most: 0, executions: 0, failures: 0, duplicates: 0, restarts: 0, state: 0 },
  }
  let draws = 0
  const happens = (oneIn: number) => toShare(seed, draws++) * oneIn < 1

  const waiting: { readonly time: number; readonly go: () => void }[] = []
  let living = 0

  /** Lets the part go on that is the first in time, once all are waiting. */
  function release(): void {
    if (waiting.length === 0 || waiting.length < living) return
    const first = waiting.reduce((least, one) => (one.time < least.time ? one : least))
    waiting.splice(waiting.indexOf(first), 1)
    first.go()
  }

  function turn(time: number): Promise<void> {
    return new Promise((go) => {
      waiting.push({ time, go })
      release()
    })
  }

  async function runPart<T>(run: (doStep: DoStep) => Promise<T>): Promise<{ value: T; ended: number }> {
    const kept = new Map<string, unknown>()
    let [time, state] = [began, 0]

    async function execute(work: () => Promise<unknown>): Promise<unknown> {
      await turn(time)
      // What is only weakly held, as signals are, is let go between turns of the event loop.
      await new Promise((done) => setImmediate(done))
      counts.executions++
      clock.begin(time)
      try {
        if (happens(faults.unbegun)) throw new Error('the step could not begin')
        const isTwice = happens(faults.duplicate)
        if (isTwice) counts.duplicates++
        const [value] = await Promise.all([work(), ...(isTwice ? [work()] : [])])
        if (happens(faults.lost)) throw new Error('the result was lost')
        if (happens(faults.restart)) throw new Ended()
        if (happens(faults.forgotten)) {
          kept.clear()
          throw new Ended()
        }
        return value
      } finally {
        time = clock.now() + STEP_MS
      }
    }

    const doStep = async (name: string, work: () => Promise<unknown>): Promise<unknown> => {
      if (kept.has(name)) return kept.get(name)
      for (let tries = 0; ; tries++) {
        try {
          const value = await execute(work)
          kept.set(name, value)
          counts.steps++
          counts.most = Math.max(counts.most, kept.size)
          state += JSON.stringify(value).length + name.length
          counts.state = Math.max(counts.state, state)
          return value
        } catch (error) {
          if (error instanceof Ended) throw error
          counts.failures++
          const pause = RETRY_MS[tries]
          if (pause === undefined) throw error
          time += pause
        }
      }
    }

    for (;;) {
      // An instance that has ended does nothing more, also not what its program would do after an error.
      const ended = Promise.withResolvers<never>()
      ended.promise.catch(() => {})
      const instance = (async (name: string, work: () => Promise<unknown>) => {
        try {
          return await doStep(name, work)
        } catch (error) {
          if (!(error instanceof Ended)) throw error
          ended.reject(error)
          return await new Promise<never>(() => {})
        }
      }) as DoStep // keeps the type of what the step resolves with
      try {
        return { value: await Promise.race([run(instance), ended.promise]), ended: time }
      } catch (error) {
        if (!(error instanceof Ended)) throw error
        counts.restarts++
        time += 60_000
      }
    }
  }

  return {
    counts,
    /** Runs all parts; resolves with what each came to, and when the last one ended. */
    async runParts<T>(runs: readonly ((doStep: DoStep) => Promise<T>)[]) {
      living = runs.length
      const done = await Promise.all(
        runs.map(async (run) => {
          const one = await runPart(run)
          living--
          release()
          return one
        }),
      )
      return { values: done.map(({ value }) => value), ended: Math.max(...done.map(({ ended }) => ended)) }
    },
  }
}
