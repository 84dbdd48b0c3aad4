import { parentPort, workerData } from 'node:worker_threads'
import type { Entry, KeptPage, Page } from '../../functions/storage/storage.ts'
import type { Span, Survey } from '../../functions/storage/survey.ts'
import { MAX_LISTING_PAGE } from '../../functions/wire/limits.ts'
import { toTrouble } from './disk-messages.ts'
import { toIoError } from './errno.ts'
import { openIndexFile, openNoIndexFile } from './index-file.ts'
import { listKept } from './kept-listing.ts'
import type { Place } from './root.ts'
import { createRootGuard } from './root-guard.ts'
import { createSpanMemory } from './span-memory.ts'
import { endThread } from './thread-program.ts'
import type { TreeAnswer, TreeMessage, TreeQuestion, TreeReply, TreeWorkerData } from './tree-messages.ts'
import { createTreeSurvey, type TreeSurvey } from './tree-survey.ts'
import { readEntry, walkTree } from './tree-walk.ts'

// The thread that goes through the tree of one root, in byte order: to list it, to count it, and for surveys.

const { root, indexFile } = workerData as TreeWorkerData // from trees.ts
const index = indexFile === null ? openNoIndexFile() : openIndexFile(indexFile, (notice) => reply({ notice }))
const guard = createRootGuard(root, index)
let memory = createSpanMemory()
let place: Place | null = null
const surveys = new Map<number, TreeSurvey>()

function reply(message: TreeReply): void {
  parentPort?.postMessage(message)
}

/** Where the root lies now; what is remembered of another place is forgotten. */
function resolve(): Place {
  const now = guard.resolve()
  if (now !== place) memory = createSpanMemory()
  place = now
  return now
}

function list({ prefix = '', after = '', limit }: Extract<TreeQuestion, { list: object }>['list']): Page {
  const size = Math.min(Math.max(limit ?? MAX_LISTING_PAGE, 1), MAX_LISTING_PAGE)
  const course = { ranges: [{ after, until: null }], prefix, isWanted: () => true }
  const entries: Entry[] = []
  const place = resolve()
  for (const met of walkTree(place, course)) {
    const entry = readEntry(place, met)
    if (entry !== null) entries.push(entry)
    if (entries.length > size) break
  }
  // A root that went away meanwhile has just looked empty, or like less than it holds.
  guard.requireSame(place)
  const page = entries.slice(0, size)
  return { entries: page, next: entries.length > size ? (page.at(-1)?.name ?? null) : null }
}

function answer(question: TreeQuestion): TreeAnswer {
  if ('list' in question) return list(question.list)
  if ('kept' in question) return answerKept(question.kept)
  const survey = surveys.get(question.id)
  if (survey === undefined) throw new Error('a step of no survey')
  return survey.step(question.step)
}

function answerKept(options: Extract<TreeQuestion, { kept: object }>['kept']): KeptPage {
  const place = resolve()
  const page = listKept(place, options)
  guard.requireSame(place)
  return page
}

function tryAnswer(question: TreeQuestion): TreeReply {
  try {
    return { answer: answer(question) }
  } catch (error) {
    return { trouble: toTrouble(toIoError(error, 'read')) }
  }
}

function begin(survey: Survey): TreeSurvey {
  try {
    const place = resolve()
    const spans = memory.recall(survey)
    const tree = { place, requireSame: guard.requireSame, index, memory }
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
  const nothing = { seen: { names: 0, bytes: 0, known: 0 }, of: null }
  const counts = { computed: 0, known: 0 }
  return { step: () => ({ lines, wanted: [], progress: nothing, counts, state: 'done' }), end() {} }
}

function end(id: number): void {
  surveys.get(id)?.end()
  surveys.delete(id)
}

function close(): void {
  for (const id of surveys.keys()) end(id)
  index.close()
  endThread()
}

parentPort?.on('message', (message: TreeMessage) => {
  if (message === 'close') close()
  else if ('begin' in message) surveys.set(message.id, begin(message.begin))
  else if ('end' in message) end(message.id)
  else reply(tryAnswer(message))
})
