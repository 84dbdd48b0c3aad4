import { parseFileModes, parseNotKept, toFileModes } from '../wire/attributes.ts'
import { toSeconds } from '../wire/dates.ts'
import { toEtag, toReprDigest } from '../wire/fields.ts'
import { HEARTBEAT_MS, MAX_NAMES_PER_DESCRIBE } from '../wire/limits.ts'
import { toFilePath } from '../wire/routes.ts'
import { type DescribeLine, describeLine, surveyLine } from '../wire/schemas.ts'
import { type Trace, toTraceparent } from '../wire/trace.ts'
import { StorageError, toStorageError } from '../wire/trouble.ts'
import { requireName } from './names.ts'
import { toNetworkError } from './network-errors.ts'
import {
  type Reply,
  readKeptPage,
  readLines,
  readPage,
  readProblem,
  readRestored,
  refuse,
  toOpened,
  unexpected,
} from './replies.ts'
import type {
  DescribeOptions,
  Facts,
  KeptPage,
  ListKeptOptions,
  ListOptions,
  Opened,
  OpenOptions,
  Page,
  PutOptions,
  RestoreOptions,
  Storage,
  SurveyOptions,
  Work,
  Written,
} from './storage.ts'
import { type Chunks, createLie, exactly, toChunks, toStream } from './streams.ts'
import type { Survey, SurveyLine } from './survey.ts'
import { createSurveyCheck } from './survey-check.ts'
import { fromWireLine, toError, toFacts } from './wire-lines.ts'

/** What the adapter asks of `fetch`. */
export interface SendInit {
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'PUT'
  readonly headers: Record<string, string>
  readonly body?: string | ReadableStream<Uint8Array>
  readonly signal?: AbortSignal
  readonly redirect: 'manual'
  /** Without it `fetch` refuses a streamed body. */
  readonly duplex: 'half'
}

/** What of `fetch` the adapter uses. */
export type Send = (url: string, init: SendInit) => Promise<Reply>

/** What a call of the adapter adds to what every call has. */
type Ask = Partial<Pick<SendInit, 'method' | 'headers' | 'body' | 'signal'>>

/** How a replica server is reached. */
export interface RemoteOptions {
  /** The host's `fetch` when absent. */
  readonly fetch?: Send | undefined
  /** The token to show (RFC 6750), asked for before each request. */
  readonly token?: (() => string) | undefined
}

/**
 * A replica server at `url` as a storage. Redirects are not followed, and an answer that is encoded, or is not what a
 * replica says, is `unreachable`: something else stands at the address. Absent is only what the replica itself calls
 * `not-found`. Errors never name the address.
 */
export function createRemoteStorage(url: string, options: RemoteOptions = {}): Storage {
  const base = url.replace(/\/+$/, '')
  const send: Send = options.fetch ?? fetch

  async function ask(path: string, init: Ask): Promise<Reply> {
    init.signal?.throwIfAborted()
    const headers = {
      ...init.headers,
      'Accept-Encoding': 'identity',
      ...(options.token && { Authorization: `Bearer ${options.token()}` }),
    }
    const reply = await send(base + path, { ...init, headers, redirect: 'manual', duplex: 'half' }).catch(
      (error) => {
        init.signal?.throwIfAborted()
        throw toNetworkError(error)
      },
    )
    if (reply.headers.get('Content-Encoding') !== null) return await refuse(reply, 'an encoded answer')
    if (reply.status !== 401) return reply
    await reply.body?.cancel()
    const refusal = options.token ? 'refused the token' : 'requires a token, and none was sent'
    throw new StorageError('unreachable', `the replica ${refusal}`, { reason: 'http_request_denied' })
  }

  function describe(
    names: readonly string[],
    options: DescribeOptions = {},
  ): readonly Promise<Facts | null>[] {
    const questions = new Map<string, PromiseWithResolvers<Facts | null>>()
    const promises = names.map((name) => {
      const question = questions.get(name) ?? Promise.withResolvers<Facts | null>()
      questions.set(name, question)
      return question.promise
    })
    const valid = [...questions.keys()].filter((name) => refuseInvalid(name, questions))
    for (let i = 0; i < valid.length; i += MAX_NAMES_PER_DESCRIBE) {
      const batch = valid.slice(i, i + MAX_NAMES_PER_DESCRIBE)
      askBatch(batch, questions, options).catch((error) => {
        for (const name of batch) questions.get(name)?.reject(toStorageError(error))
      })
    }
    return promises
  }

  async function askBatch(names: string[], questions: Questions, options: DescribeOptions): Promise<void> {
    const reply = await ask('/describe', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...toTraceFields(options.trace) },
      body: JSON.stringify({ names, maxAge: options.maxAge }),
      ...withSignal(options.signal),
    })
    if (reply.status !== 200 || reply.body === null) throw await readProblem(reply)
    const body = toChunks(reply.body)
    const open = new Set(names)
    const toWork = createWork()
    let patience: ReturnType<typeof setTimeout> | undefined
    try {
      for await (const line of readLines(body, describeLine)) {
        // Whatever comes after the last answer is none.
        if (open.size === 0) return
        if ('working' in line) options.onProgress?.(toWork(line))
        else if (open.delete(line.name)) settleQuestion(questions.get(line.name), line)
        // Only the end of the body is left to come, with which the connection is kept.
        if (open.size === 0) patience = setTimeout(() => body.cancel().catch(() => {}), HEARTBEAT_MS)
      }
    } finally {
      clearTimeout(patience)
    }
    if (open.size === 0) return
    throw new StorageError('unreachable', 'the replica left a name unanswered', {
      reason: 'http_response_incomplete',
    })
  }

  async function open(name: string, options: OpenOptions = {}): Promise<Opened | null> {
    const { range, ifDigest } = options
    const headers = {
      ...(range && { Range: `bytes=${range.offset}-${range.offset + range.length - 1}` }),
      ...(ifDigest !== undefined && { 'If-Match': toEtag(ifDigest) }),
      ...toTraceFields(options.trace),
    }
    const response = await ask(toFilePath(requireName(name)), { headers, ...withSignal(options.signal) })
    if (response.status === (range ? 206 : 200) && response.body !== null) return toOpened(response, options)
    if (response.status === 200) return await refuse(response, 'the whole file for a part of it')
    const error = await readProblem(response)
    if (error === null) return null
    throw response.status === 412
      ? new StorageError('changed', 'the file is no longer the one asked for')
      : error
  }

  async function list({ signal, isCounted: _, ...options }: ListOptions = {}): Promise<Page> {
    const response = await ask(`/files${toQuery(options)}`, withSignal(signal))
    if (response.status !== 200) throw (await readProblem(response)) ?? unexpected('no listing')
    return await readPage(response, options)
  }

  async function* survey(survey: Survey, options: SurveyOptions = {}): AsyncGenerator<SurveyLine> {
    const reply = await ask('/survey', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...toTraceFields(options.trace) },
      body: JSON.stringify(survey),
      ...withSignal(options.signal),
    })
    if (reply.status !== 200 || reply.body === null)
      throw (await readProblem(reply)) ?? unexpected('no survey')
    const body = toChunks(reply.body)
    const check = createSurveyCheck(survey)
    let patience: ReturnType<typeof setTimeout> | undefined
    try {
      for await (const line of readLines(body, surveyLine)) {
        // Whatever comes after the end is none.
        if (patience !== undefined) return
        if ('end' in line) {
          // Only the end of the body is left to come, with which the connection is kept.
          patience = setTimeout(() => body.cancel().catch(() => {}), HEARTBEAT_MS)
          continue
        }
        const one = fromWireLine(line)
        check(one)
        yield one
      }
    } finally {
      clearTimeout(patience)
    }
    if (patience !== undefined) return
    throw new StorageError('unreachable', 'the survey broke off', { reason: 'http_response_incomplete' })
  }

  async function put(name: string, body: ReadableStream<Uint8Array>, options: PutOptions): Promise<Written> {
    const chunks = toChunks(body)
    try {
      return await write(requireName(name), chunks, options)
    } finally {
      // After its end this does nothing.
      await chunks.cancel().catch(() => {})
    }
  }

  async function write(name: string, body: Chunks, options: PutOptions): Promise<Written> {
    const { size, digest, replaces, modified, modes, signal } = options
    const response = await ask(toFilePath(name), {
      method: 'PUT',
      headers: {
        'Content-Length': String(size),
        'Repr-Digest': toReprDigest(digest),
        ...(replaces === null ? { 'If-None-Match': '*' } : { 'If-Match': toEtag(replaces) }),
        ...(modified != null && { 'File-Modified': toSeconds(modified) }),
        ...(modes && { 'File-Modes': toFileModes(modes) }),
      },
      // What is sent has to be as long as it is said to be, or the connection breaks and nobody knows why.
      body: toStream(exactly(body, size, createLie)),
      ...withSignal(signal),
    })
    if (response.status === 405) throw new StorageError('read-only', 'the replica does not take writes')
    if (response.status !== 201 && response.status !== 204) {
      throw (await readProblem(response)) ?? unexpected('no answer to a write')
    }
    const unkept = parseNotKept(response.headers.get('Not-Kept') ?? '')
    const written = (await describe([name], { signal })[0]) ?? null
    if (written?.digest === digest) return { ...written, ...(unkept.length > 0 && { unkept }) }
    throw new StorageError('changed', 'the file was written, and is another by now')
  }

  async function listKept({ signal, ...options }: ListKeptOptions = {}): Promise<KeptPage> {
    if (options.name !== undefined) requireName(options.name)
    const response = await ask(`/kept${toQuery(options)}`, withSignal(signal))
    if (response.status !== 200) throw (await readProblem(response)) ?? unexpected('no listing')
    return await readKeptPage(response, options)
  }

  async function restore(name: string, { signal, ...options }: RestoreOptions): Promise<Written> {
    const response = await ask('/restore', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ name: requireName(name), ...options }),
      ...withSignal(signal),
    })
    if (response.status !== 200) throw (await readProblem(response)) ?? unexpected('no answer to a restore')
    return await readRestored(response, { name, ...options })
  }

  async function readModes(name: string, { signal }: Pick<DescribeOptions, 'signal'> = {}) {
    const response = await ask(toFilePath(requireName(name)), { method: 'HEAD', ...withSignal(signal) })
    await response.body?.cancel()
    if (response.status === 404) return null
    if (response.status !== 200) throw unexpected(`status ${response.status}`)
    return parseFileModes(response.headers.get('File-Modes') ?? '')
  }

  return { describe, open, list, survey, put, listKept, restore, readModes }
}

/** What each sign of life of one answer reports beyond the one before it. */
function createWork(): (line: Extract<DescribeLine, { working: number }>) => Work {
  let before = 0
  return ({ work = 0, reading }) => {
    const done = Math.max(work - before, 0)
    before += done
    return { done, reading }
  }
}

type Questions = ReadonlyMap<string, PromiseWithResolvers<Facts | null>>

/** Whether the name is one to ask for; answers its question with the refusal when it is not. */
function refuseInvalid(name: string, questions: Questions): boolean {
  try {
    requireName(name)
    return true
  } catch (error) {
    questions.get(name)?.reject(error)
    return false
  }
}

function settleQuestion(question: PromiseWithResolvers<Facts | null> | undefined, line: DescribeLine): void {
  if ('digest' in line) question?.resolve(toFacts(line))
  else if ('absent' in line) question?.resolve(null)
  else if ('error' in line) question?.reject(toError(line.error))
}

/** The parameters that are set, as the query of an address. */
function toQuery(parameters: Readonly<Record<string, string | number | undefined>>): string {
  const set = Object.entries(parameters).filter(([, value]) => value !== undefined && value !== '')
  return set.length === 0 ? '' : `?${new URLSearchParams(set.map(([key, value]) => [key, String(value)]))}`
}

function toTraceFields(trace: Trace | undefined): Record<string, string> {
  return trace === undefined ? {} : { traceparent: toTraceparent(trace) }
}

/** `exactOptionalPropertyTypes` tells an absent signal from an undefined one, and RequestInit takes only the former. */
function withSignal(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal }
}
