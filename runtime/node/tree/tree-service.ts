import type {
  KeptPage,
  ListKeptOptions,
  ListOptions,
  Page,
  SurveyOptions,
} from '../../../functions/storage/storage.ts'
import type { Survey, SurveyLine } from '../../../functions/storage/survey/survey.ts'
import { closedError } from '../../../functions/wire/errors.ts'
import type { Counts, DiskOptions } from '../disk/disk.ts'
import type { RootEvent, RootWorkerData } from '../disk/disk-messages.ts'
import { createOpenCount } from '../disk/question.ts'
import { TREE_THREAD_LIMITS } from '../limits.ts'
import { createThread } from '../threads/thread.ts'
import type { TreeAnswer, TreeQuestion } from './tree-messages.ts'
import { runSurvey, type TreeRunOptions } from './tree-run.ts'

export type TreeService = ReturnType<typeof createTreeService>

interface TreeSurveyOptions extends SurveyOptions {
  /** Whether it gives way to questions about files and to other surveys, which may do its work for it. */
  readonly background?: boolean | undefined
}

type TreeServiceOptions = DiskOptions & Pick<TreeRunOptions, 'disk' | 'syncs'>

/** Walks the tree of one root in byte order, on a thread that is launched when it is first needed. */
export function createTreeService(options: TreeServiceOptions) {
  const { root, indexFile, shared, here, disk, now, syncs, onIndex, onLooked } = options
  const thread = createThread<TreeQuestion, TreeAnswer, RootEvent, RootWorkerData>('tree-worker', {
    data: { root, indexFile, opensLate: here, shared },
    here: here ? async () => (await import('./tree-program.ts')).createTreeProgram : undefined,
    limits: TREE_THREAD_LIMITS,
    onEvent: (event) => ('looked' in event ? onLooked(event.looked) : onIndex(event)),
  })
  const foreground = createOpenCount()
  let counts: Counts = { computed: 0, known: 0 }

  function onCounts({ computed, known }: Counts): void {
    counts = { computed: counts.computed + computed, known: counts.known + known }
  }

  async function quiet(): Promise<void> {
    await foreground.quiet()
    await disk.quiet()
  }

  /** See `Storage.survey`. */
  async function* survey(
    survey: Survey,
    { signal, background }: TreeSurveyOptions,
  ): AsyncGenerator<SurveyLine> {
    const run = { disk, now, syncs, onCounts, signal }
    if (background) return yield* runSurvey(thread, survey, { ...run, quiet })
    // One that is held back may take days, for which the background cannot wait.
    if (survey.rate !== undefined) return yield* runSurvey(thread, survey, run)
    foreground.add(1)
    // Some of the files will be asked for next.
    disk.warm()
    try {
      yield* runSurvey(thread, survey, run)
    } finally {
      foreground.remove()
    }
  }

  return {
    /** See `Storage.list`. */
    async list({ prefix, after, limit, signal }: ListOptions): Promise<Page> {
      return (await thread.ask({ list: { prefix, after, limit } }, signal)) as Page // the answer to `list`
    },
    /** See `Storage.listKept`. */
    async listKept({ name, after, limit, signal }: ListKeptOptions): Promise<KeptPage> {
      return (await thread.ask({ kept: { name, after, limit } }, signal)) as KeptPage // the answer to `kept`
    },
    survey,
    /** Of this thread; the digests of large files count where they were hashed. */
    counts: () => counts,
    /** Launches the thread, for questions that are about to come. */
    warm: thread.start,
    /** Rejects the questions under way, and ends the thread. */
    close(): Promise<void> {
      thread.refuse(closedError())
      return thread.close()
    },
  }
}
