import { createChannel } from '../../../functions/bytes/channel.ts'
import { createPace, type Pace } from '../../../functions/bytes/pace.ts'
import type { Work } from '../../../functions/storage/storage.ts'
import {
  NOTHING_SEEN,
  type Progress,
  type Survey,
  type SurveyLine,
} from '../../../functions/storage/survey/survey.ts'
import { MAX_LINES_AHEAD, PROGRESS_MS } from '../../../functions/wire/limits.ts'
import { StorageError, toStorageError } from '../../../functions/wire/storage-error.ts'
import type { Counts, Disk } from '../disk/disk.ts'
import { BACKGROUND_BATCH_MS, PACED_STEP_MS, TREE_STEP_MS } from '../limits.ts'
import type { Syncs } from '../mounts/syncs.ts'
import { fromTrouble, toTrouble } from '../threads/messages.ts'
import type { Thread } from '../threads/thread.ts'
import type { Hashed, TreeAnswer, TreeLine, TreeQuestion, TreeStep } from './tree-messages.ts'

export interface TreeRunOptions {
  readonly disk: Disk
  /** Milliseconds since 1970. */
  readonly now: () => number
  readonly syncs: Pick<Syncs, 'last' | 'request' | 'wait'>
  /** When present, the survey gives way: each step waits for this, and is short. */
  readonly quiet?: (() => Promise<void>) | undefined
  readonly onCounts: (counts: Counts) => void
}

/** Runs a survey on `thread`, ahead of the consumer. Rejects with the reason of `signal` once that aborts. */
export async function* runSurvey(
  thread: Thread<TreeQuestion, TreeAnswer>,
  survey: Survey,
  options: TreeRunOptions & { readonly signal: AbortSignal | undefined },
): AsyncGenerator<SurveyLine> {
  const { signal } = options
  signal?.throwIfAborted()
  const { lines, stop } = startRun(thread, survey, options)
  const abort = () => stop(signal?.reason)
  signal?.addEventListener('abort', abort, { once: true })
  try {
    for (let some = await lines.take(); some.length > 0; some = await lines.take()) yield* some
    signal?.throwIfAborted()
  } finally {
    signal?.removeEventListener('abort', abort)
    stop(new StorageError('unreachable', 'the caller left the survey'))
  }
}

let runs = 0

/** Starts a survey. After its end `stop` does nothing. */
function startRun(
  thread: Thread<TreeQuestion, TreeAnswer>,
  survey: Survey,
  { disk, now, syncs, quiet, onCounts }: TreeRunOptions,
) {
  const id = runs++
  const abort = new AbortController()
  const lines = createChannel<SurveyLine>(MAX_LINES_AHEAD)
  let progress: Progress = { seen: NOTHING_SEEN, of: null }
  let reportedAt = 0
  const pace = survey.rate === undefined ? undefined : createPace(survey.rate, abort.signal)
  const stepBytes = pace === undefined ? Number.POSITIVE_INFINITY : (pace.rate * PACED_STEP_MS) / 1000
  const hashing = createHashing(disk, { signal: abort.signal, pace, onWork: reportProgressIfDue })
  /** Until it has waited for a sync once. */
  let isPatient = true
  let isBegun = false
  /** Bytes that waits for the pace have paid for: work that shows in no step. */
  let waited = 0
  let state: TreeStep['state'] | undefined
  let left = Promise.withResolvers<void>()

  /** Waits for `work`, and no longer than until the survey is stopped. */
  async function waitFor(work: Promise<unknown>): Promise<void> {
    left = Promise.withResolvers()
    abort.signal.throwIfAborted()
    await Promise.race([work, left.promise])
    abort.signal.throwIfAborted()
  }

  function reportProgress(): void {
    reportedAt = performance.now()
    lines.add({ ...progress, work: (progress.work ?? 0) + hashing.done() + waited })
  }

  function reportProgressIfDue(): void {
    if (performance.now() - reportedAt >= PROGRESS_MS) reportProgress()
  }

  async function step(): Promise<TreeStep> {
    if (quiet) await waitFor(quiet())
    const order = {
      now: now(),
      synced: syncs.last(),
      patience: quiet || pace ? BACKGROUND_BATCH_MS : TREE_STEP_MS,
      bytes: stepBytes,
      hashed: await hashing.take(state === 'waiting'),
      isPatient,
    }
    const begin = isBegun ? undefined : survey
    isBegun = true
    return (await thread.ask({ survey: id, begin, step: order }, abort.signal)) as TreeStep // to a step
  }

  function deliver(step: TreeStep): void {
    hashing.add(step.wanted)
    if (step.wantsSync) syncs.request()
    progress = step.progress
    onCounts(step.counts)
    // First: a consumer that has the last line of its range waits for no more.
    if (step.lines.length > 0 || step.state === 'done') reportProgress()
    else reportProgressIfDue()
    for (const line of step.lines) lines.add(fromTreeLine(line))
  }

  function onWaited(bytes: number): void {
    waited += bytes
    reportProgressIfDue()
  }

  async function work(): Promise<void> {
    while (state !== 'done') {
      const result = await step()
      state = result.state
      deliver(result)
      if (result.bytes > 0) await pace?.wait(result.bytes, onWaited)
      if (state === 'unsynced') {
        isPatient = false
        await waitFor(syncs.wait())
      }
      if (state !== 'done') await lines.whenRoom()
    }
  }

  work()
    .then(() => lines.end(), lines.end)
    // A thread that is closed has ended its surveys.
    .finally(() => isBegun && thread.ask({ end: id }).catch(() => {}))
  return {
    lines,
    stop(reason: unknown): void {
      abort.abort(reason)
      lines.cancel(reason)
      hashing.cancel()
      left.resolve()
    },
  }
}

interface HashingOptions {
  readonly signal: AbortSignal
  readonly pace: Pace | undefined
  /** Called when work was done. */
  readonly onWork: () => void
}

/** Has files hashed that are too large for the thread that walks; with a pace, one after the other. */
function createHashing(disk: Disk, { signal, pace, onWork }: HashingOptions) {
  const hashed = createChannel<Hashed>(Number.POSITIVE_INFINITY)
  let done = 0
  let last: Promise<void> = Promise.resolve()

  function onProgress(work: Pick<Work, 'done'>): void {
    done += work.done
    onWork()
  }

  function ask(wanted: TreeStep['wanted']): Promise<Hashed['said']>[] {
    const answers = disk.ask(wanted, { signal, onProgress, background: true, pace })
    return wanted.map(async ({ name }, i) => {
      const said = await Promise.resolve(answers[i] ?? null).catch(toTrouble)
      hashed.add({ name, said })
      return said
    })
  }

  /** Asks for one file after the other, and waits as the pace asks for after each. */
  async function askInTurn(wanted: TreeStep['wanted'], pace: Pace): Promise<void> {
    for (const one of wanted) {
      const [said = null] = await Promise.all(ask([one]))
      await pace.wait(countSmall(said), (done) => onProgress({ done }))
    }
  }

  return {
    add(wanted: TreeStep['wanted']): void {
      if (pace === undefined) ask(wanted)
      // It rejects when the survey ends.
      else last = last.then(() => askInTurn(wanted, pace)).catch(() => {})
    },
    /** What was hashed since the last call; with `mustWait`, at least one file, unless `cancel` is called. */
    take: async (mustWait: boolean) => (mustWait || hashed.size() > 0 ? await hashed.take() : []),
    /** The work done so far. */
    done: () => done,
    cancel: hashed.cancel,
  }
}

/** The bytes of a file that was read in one piece, and not by a thread that keeps the pace itself. */
function countSmall(said: Hashed['said']): number {
  const isRead = said !== null && 'digest' in said && said.age === undefined && said.content === undefined
  return isRead ? said.size : 0
}

function fromTreeLine(line: TreeLine): SurveyLine {
  if (!('said' in line)) return line
  const { said } = line
  return { ...line, said: 'digest' in said ? said : toStorageError(fromTrouble(said)) }
}
