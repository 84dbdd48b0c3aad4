import type * as v from 'valibot'
import {
  type Chunks,
  exactly,
  readChunks,
  readText,
  through,
  toChunks,
  toStream,
} from '../../bytes/chunks.ts'
import { toErrorCode } from '../../http/problems.ts'
import { parseTimeFields } from '../../http/serve-content.ts'
import { requireRange } from '../../wire/errors.ts'
import { parseTimestamp } from '../../wire/fields/dates.ts'
import { parseDigestEvidence, parseReprDigest } from '../../wire/fields/fields.ts'
import { parseContentRange } from '../../wire/fields/ranges.ts'
import { type Parsed, parseJson, toWrongText } from '../../wire/json/parse.ts'
import {
  HEARTBEAT_MS,
  MAX_DESCRIBE_LINE_BYTES,
  MAX_DETAIL_LENGTH,
  MAX_LISTING_BYTES,
  MAX_LISTING_PAGE,
  MAX_PROBLEM_BYTES,
} from '../../wire/limits.ts'
import { problem } from '../../wire/schemas/manifest.ts'
import { keptListing, listing, restored, treeLine } from '../../wire/schemas/replica.ts'
import { StorageError } from '../../wire/storage-error.ts'
import { formatNumber } from '../../wire/text.ts'
import { toKeptKey } from '../kept.ts'
import { compareNames, parseName } from '../names.ts'
import type {
  DescribeOptions,
  KeptPage,
  ListKeptOptions,
  ListOptions,
  Opened,
  OpenOptions,
  Page,
  RestoreOptions,
  SignedTree,
  Written,
} from '../storage.ts'
import { createToDone } from '../work.ts'
import { toNetworkError } from './network-errors.ts'
import { toError, toFacts } from './wire-lines.ts'

/** What is used of a `Response`; on some hosts `body` is `Chunks`. The caller reads it or cancels it. */
export interface Reply {
  readonly status: number
  readonly headers: { get(name: string): string | null }
  readonly body: ReadableStream<Uint8Array> | Chunks | null
}

/** Reads a page of a listing; throws `unreachable` for one that is not valid. */
export async function readPage(response: Reply, options: ListOptions): Promise<Page> {
  const page = await readJson(response.body, listing, MAX_LISTING_BYTES)
  if (!page.success) throw unexpected(`a listing that is not valid: ${page.wrong}`)
  const { entries, next, passed } = page.output
  const names = entries.map(({ name }) => name)
  const areWanted = names.every((name) => parseName(name) !== null && name.startsWith(options.prefix ?? ''))
  if (!areWanted || !isPage(names, next, options)) throw unexpected('an invalid page of a listing')
  const listed = entries.map((entry) => ({ ...entry, modified: parseTimestamp(entry.modified) }))
  return { entries: listed, next, ...(passed && { passed }) }
}

/** Reads a page of kept contents; throws `unreachable` for one that is not valid or not asked for. */
export async function readKeptPage(response: Reply, options: ListKeptOptions): Promise<KeptPage> {
  const page = await readJson(response.body, keptListing, MAX_LISTING_BYTES)
  if (!page.success) throw unexpected(`a listing of kept contents that is not valid: ${page.wrong}`)
  const { entries, next } = page.output
  const areWanted = entries.every(({ name }) => parseName(name) !== null && name === (options.name ?? name))
  if (!areWanted || !isPage(entries.map(toKeptKey), next, options))
    throw unexpected('an invalid page of kept contents')
  return { entries: entries.map((entry) => ({ ...entry, kept: parseTimestamp(entry.kept) })), next }
}

/** Whether these keys can be the page: a listing out of order would hide files or never end. */
function isPage(
  keys: readonly string[],
  next: string | null,
  { after = '', limit = MAX_LISTING_PAGE }: Pick<ListOptions, 'after' | 'limit'>,
): boolean {
  const isOrdered = keys.every((key, i) => compareNames(key, keys[i - 1] ?? after) > 0)
  return isOrdered && keys.length <= limit && (next === null || next === keys.at(-1))
}

/** Reads the facts of a restored file; throws `unreachable` for those of another file. */
export async function readRestored(
  response: Reply,
  asked: Pick<RestoreOptions, 'digest'> & { readonly name: string },
): Promise<Written> {
  const answer = await readJson(response.body, restored, MAX_DESCRIBE_LINE_BYTES)
  if (!answer.success) throw unexpected(`an answer to a restore that is not valid: ${answer.wrong}`)
  const { name, digest, unkept } = answer.output
  if (name !== asked.name || digest !== asked.digest) throw unexpected('another file than the one put back')
  return { ...toFacts(answer.output), size: answer.output.size, unkept }
}

/** Reads the signed tree at the end of an answer; throws the error that is there instead. */
export async function readSignedTree(
  body: NonNullable<Reply['body']>,
  onProgress: DescribeOptions['onProgress'],
): Promise<SignedTree> {
  const toDone = createToDone()
  const lines = readLinesTo(body, treeLine, (line) => !('work' in line), 'the answer with a tree broke off')
  for await (const line of lines) {
    if ('root' in line) return line
    if ('error' in line) throw toError(line.error)
    onProgress?.({ done: toDone(line.work) })
  }
  throw incomplete('the answer has no tree')
}

/** Reads a body of JSON as `schema` has it, of at most `limit` bytes. */
async function readJson<T extends v.GenericSchema>(
  body: Reply['body'],
  schema: T,
  limit: number,
): Promise<Parsed<v.InferOutput<T>>> {
  const text = body === null ? '' : await readText(mapErrors(body), limit)
  if (text === null) return toWrongText(`the text is longer than ${formatNumber(limit)} bytes`)
  return parseJson(schema, text)
}

/** The lines of an answer, checked against `schema`; throws `unreachable` for an invalid or too long one. */
async function* readLines<T extends v.GenericSchema>(
  body: NonNullable<Reply['body']>,
  schema: T,
): AsyncGenerator<v.InferOutput<T>> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of readChunks(mapErrors(body))) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > MAX_DESCRIBE_LINE_BYTES) throw tooLong()
    yield* parseLines(lines, schema)
  }
}

function* parseLines<T extends v.GenericSchema>(
  lines: readonly string[],
  schema: T,
): Generator<v.InferOutput<T>> {
  for (const text of lines) {
    if (text.length > MAX_DESCRIBE_LINE_BYTES) throw tooLong()
    const line = parseJson(schema, text)
    if (!line.success) throw unexpected(`a line that is not valid: ${line.wrong}`)
    yield line.output
  }
}

function tooLong(): StorageError {
  return unexpected(`a line of more than ${formatNumber(MAX_DESCRIBE_LINE_BYTES)} characters`)
}

/**
 * Passes the lines of an answer to `take`, up to the one for which that returns true. What has arrived
 * already costs no wait; the rest, and the errors, are as of `readLinesTo`.
 */
export async function takeLines<T extends v.GenericSchema>(
  body: NonNullable<Reply['body']>,
  schema: T,
  take: (line: v.InferOutput<T>) => boolean,
  failure: string,
): Promise<void> {
  const whole = 'takeWhole' in body ? (body.takeWhole?.() ?? null) : null
  if (whole === null) {
    let isTaken = false
    for await (const line of readLinesTo(body, schema, () => isTaken, failure)) isTaken = take(line)
    return
  }
  const lines = new TextDecoder().decode(whole).split('\n').slice(0, -1)
  for (const line of parseLines(lines, schema)) if (take(line)) return
  throw incomplete(failure)
}

/**
 * The lines of an answer up to that of `isEnd`. Then waits, `HEARTBEAT_MS` at most, for the body's end, which
 * frees the connection for other requests. Throws `unreachable` with `failure` if the body ends before that.
 */
export async function* readLinesTo<T extends v.GenericSchema>(
  body: NonNullable<Reply['body']>,
  schema: T,
  isEnd: (line: v.InferOutput<T>) => boolean,
  failure: string,
): AsyncGenerator<v.InferOutput<T>> {
  const chunks = toChunks(body)
  let timer: ReturnType<typeof setTimeout> | undefined
  try {
    for await (const line of readLines(chunks, schema)) {
      // Anything after the last line is ignored.
      if (timer !== undefined) return
      yield line
      if (isEnd(line)) timer = setTimeout(() => chunks.cancel().catch(() => {}), HEARTBEAT_MS)
    }
  } finally {
    clearTimeout(timer)
  }
  if (timer === undefined) throw incomplete(failure)
}

function incomplete(failure: string): StorageError {
  return new StorageError('unreachable', failure, { reason: 'http_response_incomplete' })
}

/** The file in an answer with 200 or 206; throws `unreachable` when its fields are not as requested. */
export async function toOpened(response: Reply, { range, ifDigest, signal }: OpenOptions): Promise<Opened> {
  const { headers, body } = response
  const digest = parseReprDigest(headers.get('Repr-Digest') ?? '')
  const length = parseLength(headers)
  const part = range && parseContentRange(headers.get('Content-Range') ?? '')
  if (body === null || digest === null || length === null)
    return await throwUnexpected(response, 'a file without fields')
  if (range && part && range.offset + range.length > part.size) {
    await body.cancel()
    requireRange(range, part.size)
  }
  if (range && (part?.offset !== range.offset || part.length !== range.length || length !== range.length)) {
    return await throwUnexpected(response, 'another part of the file')
  }
  if (ifDigest !== undefined && digest !== ifDigest) return await throwUnexpected(response, 'another file')
  const facts = {
    size: part?.size ?? length,
    digest,
    modified: parseTimeFields(headers),
    ...parseDigestEvidence(headers.get('Digest-Evidence') ?? ''),
  }
  return { facts, body: toStream(exactly(mapErrors(body), length), signal) }
}

/** `Content-Length` in bytes; null when it is absent or not a number. */
export function parseLength(headers: Reply['headers']): number | null {
  const text = headers.get('Content-Length') ?? ''
  return /^\d{1,15}$/.test(text) ? Number(text) : null
}

/** `body`, whose errors `toError` translates, by default as errors of the network. */
export function mapErrors(body: NonNullable<Reply['body']>, toError = toNetworkError): Chunks {
  return through(toChunks(body), (chunks) => passMapped(chunks, toError))
}

async function* passMapped(
  chunks: AsyncGenerator<Uint8Array>,
  toError: (error: unknown) => unknown,
): AsyncGenerator<Uint8Array> {
  try {
    yield* chunks
  } catch (error) {
    throw toError(error)
  }
}

/** Reads the error in an answer of a replica; null when the replica answers that the file does not exist. */
export async function readProblem(response: Reply): Promise<StorageError | null> {
  const { status } = response
  if (response.headers.get('Content-Type') !== 'application/problem+json') {
    return await throwUnexpected(response, `status ${status} and no problem document of vouch`)
  }
  const answer = await readJson(response.body, problem, MAX_PROBLEM_BYTES)
  if (!answer.success) return unexpected(`a problem document that is not valid: ${answer.wrong}`)
  if (status === 404 && answer.output.type === 'not-found') return null
  const { type } = answer.output
  if (type === 'no-such-resource' || type === 'method-not-allowed') {
    const message = `that URL is not a replica server (it returned ${status}); is it a coordinator, or does it have an extra path?`
    return new StorageError('unreachable', message, { reason: 'http_protocol_error' })
  }
  const code = toErrorCode(type) ?? 'unreachable'
  return new StorageError(code, (answer.output.detail ?? answer.output.title).slice(0, MAX_DETAIL_LENGTH))
}

/** Cancels an answer that no replica sends, and throws `unreachable`. */
export async function throwUnexpected(response: Reply, what: string): Promise<never> {
  await response.body?.cancel()
  throw unexpected(what)
}

/** The error for an answer that no replica sends. */
export function unexpected(what: string, cause?: unknown): StorageError {
  const message = `the replica's address answered with ${what}`
  return new StorageError('unreachable', message, { reason: 'http_protocol_error', cause })
}
