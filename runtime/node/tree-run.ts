import type { Work } from '../../functions/storage/storage.ts'
import { NOTHING_SEEN, type Progress, type Survey, type SurveyLine } from '../../functions/storage/survey.ts'
import { MAX_LINES_AHEAD, PROGRESS_MS } from '../../functions/wire/limits.ts'
import { toStorageError } from '../../functions/wire/trouble.ts'
import type { Counts, Disk } from './disk.ts'
import { fromTrouble, toTrouble } from './disk-messages.ts'
import { BACKGROUND_BATCH_MS, TREE_STEP_MS } from './limits.ts'
import type { Syncs } from './syncs.ts'
import type { Hashed, TreeLine, TreeStep } from './tree-messages.ts'
import type { TreeThread } from './tree-thread.ts'

/** A survey, which runs ahead of who takes its lines. */
export interface TreeRun {
  /** What has come since; waits for something, a sign of life at least. Null at the end. */
  take(): Promise<SurveyLine[] | null>
  /** Leaves it; who waits for lines is rejected with `reason`. After the end it does nothing. */
  stop(reason: unknown): void
}

export interface TreeRunOptions {
  /** Hashes the large files. */
  readonly disk: Disk
  /** Milliseconds since 1970. */
  readonly now: () => number
  readonly syncs: Pick<Syncs, 'last' | 'request' | 'wait'>
  /** Where it is given, the survey gives way: it goes on when this resolves, and little at a time. */
  readonly quiet?: (() => Promise<void>) | undefined
  /** Told after each step. */
  readonly onCounts: (counts: Counts) => void
}

let runs = 0

/** Starts a survey on `thread`. Who starts it stops it. */
export function createTreeRun(
  thread: TreeThread,
  survey: Survey,
  { disk, now, syncs, quiet, onCounts }: TreeRunOptions,
): TreeRun {
  const abort = new AbortController()
  const id = runs++
  thread.tell({ survey: id, begin: survey })
  let ready: SurveyLine[] = []
  let hashed: Hashed[] = []
  let progress: Progress = { seen: NOTHING_SEEN, of: null }
  let told = 0
  let read = 0
  let isDone = false
  /** Until it has waited for a sync once. */
  let isPatient = true
  let news = Promise.withResolvers<void>()
  let room = Promise.withResolvers<void>()
  let released = Promise.withResolvers<void>()
  const stopped = Promise.withResolvers<void>()

  function wake(): void {
    news.resolve()
  }

  /** How far it is, with what was hashed elsewhere. */
  function toProgress(): Progress {
    return { ...progress, work: (progress.work ?? 0) + read }
  }

  function tellProgress(): void {
    if (performance.now() - told < PROGRESS_MS) return
    told = performance.now()
    ready.push(toProgress())
    wake()
  }

  /** Has files hashed that are too large for the thread that walks. */
  function hash(wanted: TreeStep['wanted']): void {
    const questions = wanted.map(({ name, maxAge }) => ({ name, maxAge }))
    const onProgress = ({ done }: Work) => {
      read += done
      tellProgress()
    }
    const answers = disk.ask(questions, { signal: abort.signal, onProgress, background: true })
    for (const [i, { name }] of wanted.entries()) {
      const settle = (said: Hashed['said']) => {
        hashed.push({ name, said })
        room.resolve()
      }
      answers[i]?.then(settle, (error) => settle(toTrouble(error)))
    }
  }

  async function step(): Promise<TreeStep['state']> {
    if (quiet) {
      released = Promise.withResolvers()
      await Promise.race([quiet(), released.promise])
    }
    abort.signal.throwIfAborted()
    const patience = quiet ? BACKGROUND_BATCH_MS : TREE_STEP_MS
    const order = { now: now(), synced: syncs.last(), patience, hashed, isPatient }
    hashed = []
    const step = (await thread.ask({ survey: id, step: order }, abort.signal)) as TreeStep // what it answers to a step
    if (step.wanted.length > 0) hash(step.wanted)
    if (step.wantsSync) syncs.request()
    progress = step.progress
    onCounts(step.counts)
    // Whoever takes the last span waits for no more lines.
    if (step.state === 'done') ready.push(toProgress())
    ready.push(...step.lines.map(fromTreeLine))
    if (step.state !== 'done') tellProgress()
    wake()
    return step.state
  }

  async function work(): Promise<void> {
    for (let state = await step(); state !== 'done'; state = await step()) {
      if (state === 'unsynced') {
        isPatient = false
        await Promise.race([syncs.wait(), stopped.promise])
      }
      while (ready.length > MAX_LINES_AHEAD || (state === 'waiting' && hashed.length === 0)) {
        room = Promise.withResolvers()
        abort.signal.throwIfAborted()
        await room.promise
      }
      abort.signal.throwIfAborted()
    }
  }

  const working = work().finally(() => {
    isDone = true
    thread.tell({ end: id })
    wake()
  })
  // Who takes the lines hears of it.
  working.catch(() => {})

  return {
    async take() {
      while (ready.length === 0 && !isDone) {
        news = Promise.withResolvers()
        await news.promise
      }
      if (ready.length === 0 || abort.signal.aborted) await working
      const lines = ready
      ready = []
      room.resolve()
      return lines.length === 0 ? null : lines
    },
    stop(reason) {
      abort.abort(reason)
      stopped.resolve()
      released.resolve()
      room.resolve()
    },
  }
}

function fromTreeLine(line: TreeLine): SurveyLine {
  if (!('said' in line)) return line
  const { said } = line
  return { ...line, said: 'digest' in said ? said : toStorageError(fromTrouble(said)) }
}
