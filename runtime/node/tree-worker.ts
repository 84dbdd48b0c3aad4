import { parentPort, workerData } from 'node:worker_threads'
import { createPageBuilder } from '../../functions/storage/page-builder.ts'
import type { KeptPage, Page } from '../../functions/storage/storage.ts'
import { NOTHING_SEEN, type Span, type Survey } from '../../functions/storage/survey.ts'
import { MAX_LISTING_PAGE } from '../../functions/wire/limits.ts'
import { toTrouble } from './disk-messages.ts'
import { createEntryMemory } from './entry-memory.ts'
import { toIoError } from './errno.ts'
import { createLook } from './file-system.ts'
import { openIndexFile, openNoIndexFile } from './index-file.ts'
import { createIndexWriter } from './index-writer.ts'
import { listKept } from './kept-listing.ts'
import { LISTING_ROOM } from './limits.ts'
import type { Place } from './root.ts'
import { createRootGuard } from './root-guard.ts'
import { createSpanMemory } from './span-memory.ts'
import { endThread } from './thread-program.ts'
import { createJobs, type Steps } from './tree-jobs.ts'
import type {
  TreeAnswer,
  TreeMessage,
  TreeQuestion,
  TreeReply,
  TreeStep,
  TreeWorkerData,
} from './tree-messages.ts'
import { createTreeSurvey, type TreeSurvey } from './tree-survey.ts'
import { readEntry, walkTree } from './tree-walk.ts'

// The thread that goes through the tree of one root, in byte order: to list it, to count it, and for surveys. It works
// on all of that in turns.

const { root, indexFile } = workerData as TreeWorkerData // from trees.ts
const index = indexFile === null ? openNoIndexFile() : openIndexFile(indexFile, reply)
const writer = createIndexWriter(index)
const guard = createRootGuard(root, index)
const look = createLook((looked) => reply({ looked }))
let memory = createSpanMemory()
let entries = createEntryMemory()
let place: Place | null = null
const surveys = new Map<number, TreeSurvey>()
const jobs = createJobs<TreeAnswer>(setImmediate)

function reply(message: TreeReply): void {
  parentPort?.postMessage(message)
}

/** Where the root lies now; what is remembered of another place is forgotten. */
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
  const { prefix = '', after = '', limit = MAX_LISTING_PAGE } = options
  const page = createPageBuilder(Math.min(Math.max(limit, 1), MAX_LISTING_PAGE))
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

function* step({ survey: id, step }: Extract<TreeQuestion, { step: object }>): Steps<TreeStep> {
  const survey = surveys.get(id)
  if (survey === undefined) throw new Error('a step of no survey')
  yield null
  return survey.step(step)
}

function start(question: TreeQuestion): Steps<TreeAnswer> {
  if ('list' in question) return list(question.list)
  return 'kept' in question ? answerKept(question.kept) : step(question)
}

function ask(id: number, question: TreeQuestion): void {
  jobs.add({
    id,
    isListing: !('step' in question),
    start: () => start(question),
    onResult: (answer) => reply({ id, answer }),
    onError: (error) => reply({ id, trouble: toTrouble(toIoError(error, 'read')) }),
  })
}

function begin(survey: Survey): TreeSurvey {
  try {
    const place = resolve()
    const spans = memory.recall(survey)
    const tree = { place, requireSame: guard.requireSame, look, index, writer, memory }
    return spans === null ? createTreeSurvey(tree, survey) : createRecalled(spans)
  } catch (error) {
    return createRefused(error)
  }
}

/** A survey of a root that is not there. */
function createRefused(error: unknown): TreeSurvey {
  return {
    step() {
      throw error
    },
    end() {},
  }
}

/** A survey of which all is known. */
function createRecalled(lines: readonly Span[]): TreeSurvey {
  const nothing = { seen: NOTHING_SEEN, of: null, work: 0 }
  const counts = { computed: 0, known: 0 }
  const step = { lines, wanted: [], progress: nothing, counts, wantsSync: false, state: 'done' } as const
  return { step: () => step, end() {} }
}

function end(id: number): void {
  surveys.get(id)?.end()
  surveys.delete(id)
}

function close(): void {
  jobs.cancelAll()
  for (const id of surveys.keys()) end(id)
  writer.close()
  index.close()
  endThread()
}

parentPort?.on('message', (message: TreeMessage) => {
  if (message === 'close') close()
  else if ('question' in message) ask(message.id, message.question)
  else if ('cancel' in message) jobs.cancel(message.cancel)
  else if ('begin' in message) surveys.set(message.survey, begin(message.begin))
  else end(message.end)
})
