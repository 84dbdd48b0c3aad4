import { MAX_BATCH_NAMES, QUEUE_PROGRESS_MS } from './limits.ts'
import { type AskOptions, type Question, tellProgress } from './question.ts'

/** Questions that are not on their way yet, those of the background last. */
export interface Queue {
  add(question: Question): void
  /** The next ones, all of the background or none; empty when none waits. */
  take(): Question[]
  takeAll(): Question[]
  /** Reports to those who wait how many before them were answered; not each time. */
  tell(answered: number): void
}

export function createQueue(): Queue {
  let foreground: Question[] = []
  let background: Question[] = []
  let told = 0
  let done = 0

  function take(): Question[] {
    for (const queue of [foreground, background]) {
      while (queue.length > 0) {
        const open = queue.splice(0, MAX_BATCH_NAMES).filter(({ isEnded }) => !isEnded)
        if (open.length > 0) return open
      }
    }
    return []
  }

  return {
    add: (question) => void (question.options.background ? background : foreground).push(question),
    take,
    takeAll() {
      const all = [...foreground, ...background]
      foreground = []
      background = []
      return all
    },
    tell(answered) {
      done += answered
      if (foreground.length === 0 || performance.now() - told < QUEUE_PROGRESS_MS) return
      told = performance.now()
      tellProgress(foreground, { done })
      done = 0
    },
  }
}

/** How many questions are open. */
export interface Waiting {
  add(options: AskOptions, count: number): void
  /** One has ended; how many are left, those of the background too. */
  remove(options: AskOptions): number
  /** Resolves when none is left but those of the background. */
  quiet(): Promise<void>
}

export function createWaiting(): Waiting {
  let all = 0
  let foreground = 0
  let resolves: (() => void)[] = []

  return {
    add({ background }, count) {
      all += count
      if (!background) foreground += count
    },
    remove({ background }) {
      all--
      if (!background && --foreground === 0) {
        for (const resolve of resolves) resolve()
        resolves = []
      }
      return all
    },
    async quiet() {
      if (foreground > 0) await new Promise<void>((resolve) => resolves.push(resolve))
    },
  }
}
