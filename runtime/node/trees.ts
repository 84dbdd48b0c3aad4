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
import { createTreeThread } from './tree-thread.ts'

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
  /** Refuses what is under way, and ends the thread. */
  close(): Promise<void>
}

/** `quiet` as in `TreeRunOptions`. */
export type TreeSurveyOptions = SurveyOptions & Pick<TreeRunOptions, 'quiet'>

export interface TreesOptions extends TreeWorkerData, Pick<TreeRunOptions, 'disk' | 'now'> {
  /** Told in one line when the index was damaged or cannot be used. */
  readonly onNotice: (line: string) => void
}

export function createTrees({ place, indexFile, disk, now, onNotice }: TreesOptions): Trees {
  const thread = createTreeThread({ place, indexFile }, onNotice)
  let counts: Counts = { computed: 0, known: 0 }

  function onCounts({ computed, known }: Counts): void {
    counts = { computed: counts.computed + computed, known: counts.known + known }
  }

  async function* survey(survey: Survey, { signal, quiet }: TreeSurveyOptions): AsyncGenerator<SurveyLine> {
    const run = createTreeRun(thread, survey, { disk, now, quiet, onCounts })
    const stop = () => run.stop(signal?.reason)
    try {
      signal?.throwIfAborted()
      signal?.addEventListener('abort', stop, { once: true })
      for (;;) {
        const lines = await run.take()
        if (lines === null) return
        yield* lines
      }
    } finally {
      signal?.removeEventListener('abort', stop)
      run.stop(new StorageError('unreachable', 'the survey was left'))
    }
  }

  async function list({ prefix, after, limit, signal }: ListOptions): Promise<Page> {
    signal?.throwIfAborted()
    const answer = await thread.ask({ list: { prefix, after, limit } })
    signal?.throwIfAborted()
    return answer as Page // what it answers to a listing
  }

  async function listKept({ name, after, limit, signal }: ListKeptOptions): Promise<KeptPage> {
    signal?.throwIfAborted()
    const answer = await thread.ask({ kept: { name, after, limit } })
    signal?.throwIfAborted()
    return answer as KeptPage // what it answers to that question
  }

  return { list, listKept, survey, counts: () => counts, close: thread.close }
}
