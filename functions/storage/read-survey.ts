import { type CreateHasher, type Digest, toDigest } from '../wire/digest.ts'
import { HEARTBEAT_MS } from '../wire/limits.ts'
import { StorageError, toStorageError } from '../wire/trouble.ts'
import { createSelect } from './globs.ts'
import type { Entry, Storage, SurveyOptions } from './storage.ts'
import { readChunks, toChunks } from './streams.ts'
import {
  type Closed,
  createSpanner,
  type Found,
  isFacts,
  isWithin,
  type Progress,
  type Span,
  type Survey,
  type SurveyLine,
} from './survey.ts'

export interface ReadSurveyOptions extends SurveyOptions {
  /** The host's SHA-256, for storages that have no survey of their own; without it those refuse a deep one. */
  readonly createHasher?: CreateHasher | undefined
}

/** The storage's survey; of one that has none, the same by listing and describing, page by page. */
export function readSurvey(
  storage: Storage,
  survey: Survey,
  options: ReadSurveyOptions = {},
): AsyncIterable<SurveyLine> {
  return storage.survey ? storage.survey(survey, options) : surveyPages(storage, survey, options)
}

async function* surveyPages(
  storage: Storage,
  survey: Survey,
  options: ReadSurveyOptions,
): AsyncGenerator<SurveyLine> {
  const spanner = createSpanner(survey.ranges, [survey.grain])
  const abort = new AbortController()
  const signal = AbortSignal.any([abort.signal, ...(options.signal ? [options.signal] : [])])
  const look = survey.deep ? readDeep : describeAll
  let seen = { names: 0, bytes: 0, known: 0 }
  try {
    for await (const entries of readPages(storage, survey, signal)) {
      const { found, whileWorking } = look(storage, entries, { ...options, signal })
      yield* whileWorking(() => ({ seen, of: null }))
      for (const one of await found) {
        const { names, bytes } = seen
        seen = { names: names + 1, bytes: bytes + toSize(one), known: 0 }
        if (survey.grain === 0) yield one
        else yield* await toSpans(spanner.add(one.name, toSize(one), toComparable(one)))
      }
      yield { seen, of: null }
    }
    if (survey.grain > 0) yield* await toSpans(spanner.end())
  } finally {
    // Who leaves at a sign of life leaves a page that is being looked at.
    abort.abort(new StorageError('unreachable', 'the survey was left'))
  }
}

/** The files that are wanted, of one page after the other. */
async function* readPages(
  storage: Storage,
  survey: Survey,
  signal: AbortSignal,
): AsyncGenerator<readonly Entry[]> {
  const { prefix } = survey
  const isWanted = createSelect(survey)
  for (const { after, until } of survey.ranges) {
    for (let next: string | null = after; next !== null; ) {
      const page = await storage.list({ prefix, after: next, signal })
      const within = page.entries.filter(({ name }) => isWithin(name, until))
      yield within.filter(({ name }) => isWanted(name))
      next = within.length < page.entries.length ? null : page.next
    }
  }
}

/** Files that are being looked at. */
interface Look {
  readonly found: Promise<Found[]>
  /** A line now and then, as long as the store works and is not done. */
  whileWorking(toLine: () => Progress): AsyncGenerator<Progress>
}

/** Runs `work`, which says now and then that it goes on. */
function createLook(work: (onProgress: () => void) => Promise<Found[]>): Look {
  let isAlive = false
  let isDone = false
  const found = work(() => {
    isAlive = true
  })
  const done = found.then(
    () => (isDone = true),
    () => (isDone = true),
  )
  return {
    found,
    async *whileWorking(toLine) {
      while (!isDone) {
        await within(HEARTBEAT_MS / 2, done)
        if (isAlive && !isDone) yield toLine()
        isAlive = false
      }
    },
  }
}

/** Resolves when `done` does, or after `ms`. */
async function within(ms: number, done: Promise<unknown>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, ms)
  await Promise.race([done, promise])
  clearTimeout(timer)
}

function describeAll(
  storage: Storage,
  entries: readonly Entry[],
  { signal, trace }: ReadSurveyOptions,
): Look {
  return createLook(async (onProgress) => {
    const names = entries.map(({ name }) => name)
    const answers = await Promise.allSettled(storage.describe(names, { signal, trace, onProgress }))
    signal?.throwIfAborted()
    return answers.flatMap((answer, i) => {
      const said = answer.status === 'fulfilled' ? answer.value : toStorageError(answer.reason)
      // What is gone since it was listed is no file of the store's.
      return said === null ? [] : [{ name: names[i] ?? '', said }]
    })
  })
}

/** Reads every byte of every file. */
function readDeep(storage: Storage, entries: readonly Entry[], options: ReadSurveyOptions): Look {
  return createLook(async (onProgress) => {
    const found: Found[] = []
    for (const { name } of entries) {
      const one = await readOne(storage, name, options, onProgress)
      options.signal?.throwIfAborted()
      if (one !== null) found.push(one)
    }
    return found
  })
}

async function readOne(
  storage: Storage,
  name: string,
  { createHasher, signal, trace }: ReadSurveyOptions,
  onProgress: () => void,
): Promise<Found | null> {
  if (createHasher === undefined) throw new StorageError('unreadable', 'this store reads no file anew')
  try {
    const opened = await storage.open(name, { signal, trace })
    if (opened === null) return null
    const { facts, body } = opened
    const hasher = createHasher()
    for await (const chunk of readChunks(toChunks(body))) {
      await hasher.update(chunk)
      onProgress()
    }
    const digest = await hasher.digest()
    return digest === facts.digest
      ? { name, said: facts }
      : { name, said: { ...facts, digest }, rottedFrom: facts.digest }
  } catch (error) {
    return { name, said: toStorageError(error) }
  }
}

/** The digest by which a file counts in a span; null for one that has to be looked at by itself. */
function toComparable({ said, rottedFrom }: Found): string | null {
  return isFacts(said) && rottedFrom === undefined ? said.digest : null
}

function toSize({ said }: Found): number {
  return isFacts(said) ? said.size : 0
}

async function toSpans(closed: readonly Closed[]): Promise<Span[]> {
  return await Promise.all(
    closed.map(async ({ grain: _, text, ...span }) => ({
      ...span,
      fingerprint: text === null ? null : await readFingerprint(text),
    })),
  )
}

async function readFingerprint(text: string): Promise<Digest> {
  return toDigest(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)))
}
