import * as v from 'valibot'
import { parseHttpDate, parseTimestamp } from '../wire/dates.ts'
import { parseReprDigest, toEtag, toReprDigest } from '../wire/fields.ts'
import {
  HEARTBEAT_MS,
  MAX_DESCRIBE_LINE_BYTES,
  MAX_LISTING_BYTES,
  MAX_LISTING_PAGE,
  MAX_NAMES_PER_DESCRIBE,
  MAX_PROBLEM_BYTES,
} from '../wire/limits.ts'
import { toTrouble } from '../wire/problems.ts'
import { parseContentRange } from '../wire/ranges.ts'
import { toFilePath } from '../wire/routes.ts'
import { type DescribeLine, describeLine, type Listing, listing, problem } from '../wire/schemas.ts'
import { StorageError, toStorageError } from '../wire/trouble.ts'
import { compareNames, parseName, requireName } from './names.ts'
import { toNetworkError } from './network-errors.ts'
import type {
  DescribeOptions,
  Facts,
  ListOptions,
  Opened,
  OpenOptions,
  Page,
  PutOptions,
  Storage,
} from './storage.ts'
import { abortable, exactly, through, toStream } from './streams.ts'

/** What of a `Response` the adapter uses. Whoever gets it reads or cancels `body`. */
export interface Reply {
  readonly status: number
  readonly headers: { get(name: string): string | null }
  readonly body: ReadableStream<Uint8Array> | null
}

/** What the adapter asks of `fetch`. */
export interface SendInit {
  readonly method?: 'GET' | 'POST' | 'PUT'
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

export interface RemoteOptions {
  /** The host's `fetch` when absent. */
  readonly fetch?: Send | undefined
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
    const headers = { ...init.headers, 'Accept-Encoding': 'identity' }
    const reply = await send(base + path, { ...init, headers, redirect: 'manual', duplex: 'half' }).catch(
      (error) => {
        init.signal?.throwIfAborted()
        throw toNetworkError(error)
      },
    )
    if (reply.headers.get('Content-Encoding') === null) return reply
    return await refuse(reply, 'an encoded answer')
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
    const end = new AbortController()
    const signal = options.signal ? AbortSignal.any([options.signal, end.signal]) : end.signal
    const reply = await ask('/describe', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ names }),
      signal,
    })
    if (reply.status !== 200 || reply.body === null) throw await readProblem(reply)
    const open = new Set(names)
    let patience: ReturnType<typeof setTimeout> | undefined
    try {
      await readAnswers(reply.body)
    } finally {
      clearTimeout(patience)
    }
    if (open.size === 0) return
    throw new StorageError('unreachable', 'the replica left a name unanswered', {
      reason: 'http_response_incomplete',
    })

    async function readAnswers(body: ReadableStream<Uint8Array>): Promise<void> {
      for await (const text of readLines(body)) {
        // Whatever comes after the last answer is none.
        if (open.size === 0) return
        const line = parseLine(text)
        if ('working' in line) options.onProgress?.()
        else if (open.delete(line.name)) settleQuestion(questions.get(line.name), line)
        // Only the end of the body is left to come, with which the connection is kept.
        if (open.size === 0) patience = setTimeout(() => end.abort(), HEARTBEAT_MS)
      }
    }
  }

  async function open(name: string, options: OpenOptions = {}): Promise<Opened | null> {
    const { range, ifDigest } = options
    const headers = {
      ...(range && { Range: `bytes=${range.offset}-${range.offset + range.length - 1}` }),
      ...(ifDigest !== undefined && { 'If-Match': toEtag(ifDigest) }),
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

  async function list(options: ListOptions = {}): Promise<Page> {
    const query = new URLSearchParams()
    if (options.prefix) query.set('prefix', options.prefix)
    if (options.after) query.set('after', options.after)
    if (options.limit !== undefined) query.set('limit', String(options.limit))
    const response = await ask(query.size > 0 ? `/files?${query}` : '/files', withSignal(options.signal))
    if (response.status !== 200) throw (await readProblem(response)) ?? unexpected('no listing')
    const page = v.safeParse(listing, await readJson(response.body, MAX_LISTING_BYTES))
    if (!page.success) throw unexpected('no listing', page.issues)
    const entries = page.output.entries.map((entry) => ({
      ...entry,
      modified: parseTimestamp(entry.modified),
    }))
    requirePage(page.output, options)
    return { entries, next: page.output.next }
  }

  async function put(name: string, body: ReadableStream<Uint8Array>, options: PutOptions): Promise<Facts> {
    try {
      return await write(requireName(name), body, options)
    } catch (error) {
      if (!body.locked) await body.cancel(error)
      throw error
    }
  }

  async function write(name: string, body: ReadableStream<Uint8Array>, options: PutOptions): Promise<Facts> {
    const { size, digest, replaces, signal } = options
    const response = await ask(toFilePath(name), {
      method: 'PUT',
      headers: {
        'Content-Length': String(size),
        'Repr-Digest': toReprDigest(digest),
        ...(replaces === null ? { 'If-None-Match': '*' } : { 'If-Match': toEtag(replaces) }),
      },
      body,
      ...withSignal(signal),
    })
    if (response.status === 405) throw new StorageError('read-only', 'the replica does not take writes')
    if (response.status !== 201 && response.status !== 204) {
      throw (await readProblem(response)) ?? unexpected('no answer to a write')
    }
    const written = (await describe([name], { signal })[0]) ?? null
    if (written?.digest === digest) return written
    throw new StorageError('changed', 'the file was written, and is another by now')
  }

  return { describe, open, list, put }
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

function toFacts(line: Extract<DescribeLine, { digest: string }>): Facts {
  const { size, digest, modified, evidence } = line
  return { size, digest, modified: parseTimestamp(modified), evidence }
}

function toError(error: Extract<DescribeLine, { error: object }>['error']): StorageError {
  return new StorageError(error.code, error.detail, { reason: error.reason })
}

function parseLine(text: string): DescribeLine {
  try {
    return v.parse(describeLine, JSON.parse(text))
  } catch (error) {
    throw unexpected('no answer to describe', error)
  }
}

/** A listing out of order, or of other names than asked for, would hide files or never end. */
function requirePage({ entries, next }: Listing, { prefix = '', after = '', limit }: ListOptions): void {
  let last = after
  for (const { name } of entries) {
    if (parseName(name) === null || !name.startsWith(prefix) || compareNames(name, last) <= 0) {
      throw unexpected('a listing out of order')
    }
    last = name
  }
  const isTooLong = entries.length > (limit ?? MAX_LISTING_PAGE)
  if (isTooLong || (next !== null && next !== entries.at(-1)?.name)) throw unexpected('a page that is none')
}

/** What JSON `body` holds; null for anything else, and for more than `limit` bytes. */
async function readJson(body: Reply['body'], limit: number): Promise<unknown> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of mapErrors(body ?? toStream(new Uint8Array()))) {
    size += chunk.length
    if (size > limit) return null
    chunks.push(chunk)
  }
  try {
    return JSON.parse(await new Blob(chunks as BlobPart[]).text()) // what a stream of bytes gives is no shared memory
  } catch {
    return null
  }
}

/** The lines of `body`, each without its end; `unreachable` for one that is longer than any answer. */
async function* readLines(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of mapErrors(body)) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    for (const line of [...lines, rest]) {
      if (line.length > MAX_DESCRIBE_LINE_BYTES) throw unexpected('a line without end')
    }
    yield* lines
  }
}

/** The file that an answer with 200 or 206 carries; refuses one whose fields are not those asked for. */
async function toOpened(response: Reply, { range, ifDigest, signal }: OpenOptions): Promise<Opened> {
  const { headers, body } = response
  const digest = parseReprDigest(headers.get('Repr-Digest') ?? '')
  const length = parseLength(headers)
  const part = range && parseContentRange(headers.get('Content-Range') ?? '')
  if (body === null || digest === null || length === null)
    return await refuse(response, 'a file without fields')
  if (range && part && range.offset + range.length > part.size) {
    await body.cancel()
    throw new StorageError('out-of-range', 'the range lies outside the file')
  }
  if (range && (part?.offset !== range.offset || part.length !== range.length || length !== range.length)) {
    return await refuse(response, 'another part of the file')
  }
  if (ifDigest !== undefined && digest !== ifDigest) return await refuse(response, 'another file')
  const modified = parseHttpDate(headers.get('Last-Modified') ?? '')
  const evidence = headers.get('Digest-Evidence') === 'stored' ? 'stored' : 'computed'
  const facts = {
    size: part?.size ?? length,
    digest,
    modified,
    evidence,
  } as const
  return { facts, body: abortable(exactly(mapErrors(body), length), signal) }
}

function parseLength(headers: Reply['headers']): number | null {
  const text = headers.get('Content-Length') ?? ''
  return /^\d{1,15}$/.test(text) ? Number(text) : null
}

/** `body`, whose network errors are StorageErrors. */
function mapErrors(body: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  return through(body, async function* (chunks) {
    try {
      yield* chunks
    } catch (error) {
      throw toNetworkError(error)
    }
  })
}

/** Reads why a replica did not give what it was asked; null when it says itself that the file is not there. */
async function readProblem(response: Reply): Promise<StorageError | null> {
  const { status } = response
  if (response.headers.get('Content-Type') !== 'application/problem+json') {
    return await refuse(response, `status ${status} without a word of vouch`)
  }
  const answer = v.safeParse(problem, await readJson(response.body, MAX_PROBLEM_BYTES))
  if (!answer.success) return unexpected('a problem that is none')
  if (status === 404 && answer.output.type === 'not-found') return null
  const code = toTrouble(answer.output.type) ?? 'unreachable'
  return new StorageError(code, answer.output.detail ?? answer.output.title)
}

async function refuse(response: Reply, what: string): Promise<never> {
  await response.body?.cancel()
  throw unexpected(what)
}

function unexpected(what: string, cause?: unknown): StorageError {
  return new StorageError('unreachable', `the replica's address answered with ${what}`, {
    reason: 'http_protocol_error',
    cause,
  })
}

/** `exactOptionalPropertyTypes` tells an absent signal from an undefined one, and RequestInit takes only the former. */
function withSignal(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal }
}
