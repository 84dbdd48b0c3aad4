import type { KeptPage, Page } from '../../../functions/storage/storage.ts'
import { createPageBuilder } from '../../../functions/storage/survey/page-builder.ts'
import { NOTHING_SEEN, type Span, type Survey } from '../../../functions/storage/survey/survey.ts'
import { openIndexFile } from '../digests/index-file.ts'
import { createIndexWriter } from '../digests/index-writer.ts'
import type { RootEvent, RootWorkerData } from '../disk/disk-messages.ts'
import { toIoError } from '../files/errno.ts'
import type { Place } from '../files/root.ts'
import { LISTING_ROOM } from '../limits.ts'
import { createLook } from '../mounts/file-system.ts'
import { createRootGuard } from '../mounts/root-guard.ts'
import type { CreateProgram } from '../threads/program.ts'
import { listKept } from '../write/kept-listing.ts'
import { createEntryMemory } from './entry-memory.ts'
import { createSpanMemory } from './span-memory.ts'
import { createJobs, type Steps } from './tree-jobs.ts'
import type { TreeAnswer, TreeQuestion, TreeStep } from './tree-messages.ts'
import { createTreeSurvey, type TreeSurvey } from './tree-survey.ts'
import { readEntry, walkTree } from './tree-walk.ts'

/** The program that walks the tree of one root in byte order: for listings and for surveys, in turns. */
export const createTreeProgram: CreateProgram<RootWorkerData, TreeQuestion, TreeAnswer, RootEvent> = (
  { root, indexFile, opensLate, shared },
  report,
) => {
  const index = shared ?? openIndexFile(indexFile, report, { opensLate })
  const writer = createIndexWriter(index)
  const guard = createRootGuard(root, index)
  const look = createLook((looked) => report({ looked }))
  let memory = createSpanMemory()
  let entries = createEntryMemory()
  let place: Place | null = null
  const surveys = new Map<number, TreeSurvey>()
  const jobs = createJobs<TreeAnswer>(setImmediate)

  /** Finds the root, and forgets what is remembered of another place. */
  function resolve(): Place {
    const now = guard.resolve()
    if (now !== place) {
      memory = createSpanMemory()
      entries = createEntryMemory()
    }
    place = now
    return now
  }

  /** A page of a listing; see `Storage.list`. */
  function* list(options: Extract<TreeQuestion, { list: object }>['list']): Steps<Page> {
    const { prefix = '', after = '', limit } = options
    const page = createPageBuilder(limit)
    const ranges = [{ after, until: null }]
    const place = resolve()
    const course = { ranges, prefix, isWanted: () => true, room: LISTING_ROOM, memory: entries }
    for (const met of walkTree(place, course)) {
      yield null
      if (met === null) continue
      if (met.passed !== undefined) page.pass(met.passed, met.name)
      const entry = readEntry(place, met)
      if (entry !== null && !page.add(entry)) break
    }
    // A root that went away meanwhile has just looked empty, or like less than it holds.
    guard.requireSame(place)
    return page.end()
  }

  function* answerKept(options: Extract<TreeQuestion, { kept: object }>['kept']): Steps<KeptPage> {
    const place = resolve()
    const page = yield* listKept(place, options, entries)
    guard.requireSame(place)
    return page
  }

  function* step({ survey: id, begin, step }: Extract<TreeQuestion, { step: object }>): Steps<TreeStep> {
    if (begin !== undefined) surveys.set(id, beginSurvey(begin))
    const survey = surveys.get(id)
    if (survey === undefined) throw new Error('a step of no survey')
    yield null
    return survey.step(step)
  }

  function beginSurvey(survey: Survey): TreeSurvey {
    const place = resolve()
    const spans = memory.recall(survey)
    const tree = { place, requireSame: guard.requireSame, look, index, writer, memory }
    return spans === null ? createTreeSurvey(tree, survey) : createRecalled(spans)
  }

  function end(id: number): null {
    surveys.get(id)?.end()
    surveys.delete(id)
    return null
  }

  return {
    answer(question, id) {
      if ('end' in question) return end(question.end)
      return new Promise((resolve, reject) => {
        jobs.add({
          id,
          isListing: !('step' in question),
          start() {
            if ('list' in question) return list(question.list)
            return 'kept' in question ? answerKept(question.kept) : step(question)
          },
          onResult: resolve,
          onError: (error) => reject(toIoError(error, 'read')),
        })
      })
    },
    cancel: jobs.cancel,
    close() {
      jobs.cancelAll()
      for (const id of surveys.keys()) end(id)
      writer.close()
      index.close()
    },
  }
}

function createRecalled(lines: readonly Span[]): TreeSurvey {
  const progress = { seen: NOTHING_SEEN, of: null, work: 0 }
  const counts = { computed: 0, known: 0 }
  const step = { lines, wanted: [], progress, counts, bytes: 0, wantsSync: false, state: 'done' } as const
  return { step: () => step, end() {} }
}
