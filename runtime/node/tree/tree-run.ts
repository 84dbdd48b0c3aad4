import { createChannel } from '../../../functions/bytes/channel.ts'
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
import { BACKGROUND_BATCH_MS, TREE_STEP_MS } from '../limits.ts'
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
  const hashing = createHashing(disk, abort.signal, reportProgressIfDue)
  /** Until it has waited for a sync once. */
  let isPatient = true
  let isBegun = false
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
    lines.add({ ...progress, work: (progress.work ?? 0) + hashing.read() })
  }

  function reportProgressIfDue(): void {
    if (performance.now() - reportedAt >= PROGRESS_MS) reportProgress()
  }

  async function step(): Promise<TreeStep> {
    if (quiet) await waitFor(quiet())
    const order = {
      now: now(),
      synced: syncs.last(),
      patience: quiet ? BACKGROUND_BATCH_MS : TREE_STEP_MS,
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
    // A consumer that has the last span waits for no more lines.
    if (step.state === 'done') reportProgress()
    for (const line of step.lines) lines.add(fromTreeLine(line))
    if (step.state !== 'done') reportProgressIfDue()
  }

  async function work(): Promise<void> {
    while (state !== 'done') {
      const result = await step()
      state = result.state
      deliver(result)
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

/** Has files hashed that are too large for the thread that walks. */
function createHashing(disk: Disk, signal: AbortSignal, onRead: () => void) {
  const hashed = createChannel<Hashed>(Number.POSITIVE_INFINITY)
  let read = 0

  function onProgress({ done }: Work): void {
    read += done
    onRead()
  }

  return {
    add(wanted: TreeStep['wanted']): void {
      const answers = disk.ask(wanted, { signal, onProgress, background: true })
      for (const [i, { name }] of wanted.entries()) {
        const settle = (said: Hashed['said']) => hashed.add({ name, said })
        answers[i]?.then(settle, (error) => settle(toTrouble(error)))
      }
    },
    /** What was hashed since the last call; with `mustWait`, at least one file, unless `cancel` is called. */
    take: async (mustWait: boolean) => (mustWait || hashed.size() > 0 ? await hashed.take() : []),
    /** Bytes read so far. */
    read: () => read,
    cancel: hashed.cancel,
  }
}

function fromTreeLine(line: TreeLine): SurveyLine {
  if (!('said' in line)) return line
  const { said } = line
  return { ...line, said: 'digest' in said ? said : toStorageError(fromTrouble(said)) }
}
