import type {
  KeptPage,
  ListKeptOptions,
  ListOptions,
  Page,
  SurveyOptions,
} from '../../functions/storage/storage.ts'
import type { Survey, SurveyLine } from '../../functions/storage/survey.ts'
import { StorageError } from '../../functions/wire/trouble.ts'
import type { Counts } from './disk.ts'
import type { TreeWorkerData } from './tree-messages.ts'
import { createTreeRun, type TreeRunOptions } from './tree-run.ts'
import { createTreeThread, type TreeThreadOptions } from './tree-thread.ts'

/** Goes through the tree of one root in byte order, on a thread that starts when it is first needed. */
export interface Trees {
  /** See `Storage.list`. */
  list(options: ListOptions): Promise<Page>
  /** See `Storage.listKept`. */
  listKept(options: ListKeptOptions): Promise<KeptPage>
  /** See `Storage.survey`. */
  survey(survey: Survey, options: TreeSurveyOptions): AsyncGenerator<SurveyLine>
  /** Of this thread; the digests of large files count where they were hashed. */
  counts(): Counts
  /** Starts the thread, for questions that are about to come. */
  warm(): void
  /** Refuses what is under way, and ends the thread. */
  close(): Promise<void>
}

export interface TreeSurveyOptions extends SurveyOptions {
  /** Whether it gives way to every question about files, and to every other survey, which may do its work for it. */
  readonly background?: boolean | undefined
}

export interface TreesOptions
  extends TreeWorkerData,
    TreeThreadOptions,
    Pick<TreeRunOptions, 'disk' | 'now' | 'syncs'> {}

export function createTrees(all: TreesOptions): Trees {
  const { root, indexFile, disk, now, syncs, onIndex, onLooked } = all
  const thread = createTreeThread({ root, indexFile }, { onIndex, onLooked })
  let counts: Counts = { computed: 0, known: 0 }
  let foreground = 0
  let idle = Promise.withResolvers<void>()

  function onCounts({ computed, known }: Counts): void {
    counts = { computed: counts.computed + computed, known: counts.known + known }
  }

  async function quiet(): Promise<void> {
    while (foreground > 0) await idle.promise
    await disk.quiet()
  }

  function leave(): void {
    if (--foreground > 0) return
    idle.resolve()
    idle = Promise.withResolvers()
  }

  async function* survey(
    survey: Survey,
    { signal, background }: TreeSurveyOptions,
  ): AsyncGenerator<SurveyLine> {
    const options = { disk, now, syncs, onCounts, ...(background && { quiet }) }
    const run = createTreeRun(thread, survey, options)
    const stop = () => run.stop(signal?.reason)
    if (!background) foreground++
    // Some of the files will be asked for next.
    if (!background) disk.warm()
    try {
      signal?.throwIfAborted()
      signal?.addEventListener('abort', stop, { once: true })
      for (;;) {
        const lines = await run.take()
        if (lines === null) return
        yield* lines
      }
    } finally {
      if (!background) leave()
      signal?.removeEventListener('abort', stop)
      run.stop(new StorageError('unreachable', 'the survey was left'))
    }
  }

  async function list({ prefix, after, limit, signal }: ListOptions): Promise<Page> {
    const answer = await thread.ask({ list: { prefix, after, limit } }, signal)
    return answer as Page // what it answers to a listing
  }

  async function listKept({ name, after, limit, signal }: ListKeptOptions): Promise<KeptPage> {
    const answer = await thread.ask({ kept: { name, after, limit } }, signal)
    return answer as KeptPage // what it answers to that question
  }

  return { list, listKept, survey, counts: () => counts, warm: thread.start, close: thread.close }
}
