import { parentPort, workerData } from 'node:worker_threads'
import { createPageBuilder } from '../../functions/storage/page-builder.ts'
import type { Page } from '../../functions/storage/storage.ts'
import type { Span, Survey } from '../../functions/storage/survey.ts'
import { MAX_LISTING_PAGE } from '../../functions/wire/limits.ts'
import { toTrouble } from './disk-messages.ts'
import { toIoError } from './errno.ts'
import { openIndexFile, openNoIndexFile } from './index-file.ts'
import { createIndexWriter } from './index-writer.ts'
import { listKept } from './kept-listing.ts'
import { requireRoot } from './root.ts'
import { createSpanMemory } from './span-memory.ts'
import { endThread } from './thread-program.ts'
import type { TreeAnswer, TreeMessage, TreeQuestion, TreeReply, TreeWorkerData } from './tree-messages.ts'
import { createTreeSurvey, type TreeSurvey } from './tree-survey.ts'
import { readEntry, walkTree } from './tree-walk.ts'

// The thread that goes through the tree of one root, in byte order: to list it, to count it, and for surveys.

const { place, indexFile } = workerData as TreeWorkerData // from trees.ts
const index = indexFile === null ? openNoIndexFile() : openIndexFile(indexFile, reply)
const writer = createIndexWriter(index)
const memory = createSpanMemory()
const surveys = new Map<number, TreeSurvey>()

function reply(message: TreeReply): void {
  parentPort?.postMessage(message)
}

function list({ prefix = '', after = '', limit }: Extract<TreeQuestion, { list: object }>['list']): Page {
  const size = Math.min(Math.max(limit ?? MAX_LISTING_PAGE, 1), MAX_LISTING_PAGE)
  const course = { ranges: [{ after, until: null }], prefix, isWanted: () => true }
  const page = createPageBuilder(size)
  for (const met of walkTree(place, course)) {
    if (met.passed !== undefined) page.pass(met.passed, met.name)
    const entry = readEntry(place, met)
    if (entry !== null && !page.add(entry)) break
  }
  // A root that went away meanwhile has just looked empty, or like less than it holds.
  requireRoot(place)
  return page.end()
}

function answer(question: TreeQuestion): TreeAnswer {
  if ('list' in question) return list(question.list)
  if ('kept' in question) return listKept(place, question.kept)
  const survey = surveys.get(question.id)
  if (survey === undefined) throw new Error('a step of no survey')
  return survey.step(question.step)
}

function tryAnswer(question: TreeQuestion): TreeReply {
  try {
    return { answer: answer(question) }
  } catch (error) {
    return { trouble: toTrouble(toIoError(error, 'read')) }
  }
}

function begin(survey: Survey): TreeSurvey {
  const spans = memory.recall(survey)
  return spans === null ? createTreeSurvey({ place, index, writer, memory }, survey) : createRecalled(spans)
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
  writer.close()
  index.close()
  endThread()
}

parentPort?.on('message', (message: TreeMessage) => {
  if (message === 'close') close()
  else if ('begin' in message) surveys.set(message.id, begin(message.begin))
  else if ('end' in message) end(message.id)
  else reply(tryAnswer(message))
})
