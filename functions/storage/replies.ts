import type * as v from 'valibot'
import { parseTimestamp } from '../wire/dates.ts'
import { parseDigestEvidence, parseReprDigest } from '../wire/fields.ts'
import { toGrouped } from '../wire/grouped.ts'
import {
  MAX_DESCRIBE_LINE_BYTES,
  MAX_DETAIL_LENGTH,
  MAX_LISTING_BYTES,
  MAX_LISTING_PAGE,
  MAX_PROBLEM_BYTES,
} from '../wire/limits.ts'
import { type Parsed, parseJson, toWrongText } from '../wire/parse.ts'
import { toTrouble } from '../wire/problems.ts'
import { parseContentRange } from '../wire/ranges.ts'
import { parseTimeFields } from '../wire/representation.ts'
import { type KeptListing, keptListing, type Listing, listing, problem, restored } from '../wire/schemas.ts'
import { StorageError } from '../wire/trouble.ts'
import { toKeptKey } from './kept.ts'
import { compareNames, parseName } from './names.ts'
import { toNetworkError } from './network-errors.ts'
import type {
  KeptPage,
  ListKeptOptions,
  ListOptions,
  Opened,
  OpenOptions,
  Page,
  RestoreOptions,
  Written,
} from './storage.ts'
import { type Chunks, exactly, readChunks, readText, through, toChunks, toStream } from './streams.ts'
import { toFacts } from './wire-lines.ts'

/** What of a `Response` the adapter uses; a host may give `body` chunk by chunk. Who gets it reads or cancels that. */
export interface Reply {
  readonly status: number
  readonly headers: { get(name: string): string | null }
  readonly body: ReadableStream<Uint8Array> | Chunks | null
}

/** The page of a listing; `unreachable` for what is none. */
export async function readPage(response: Reply, options: ListOptions): Promise<Page> {
  const page = await readJson(response.body, listing, MAX_LISTING_BYTES)
  if (!page.success) throw unexpected(`a listing that is not valid: ${page.wrong}`)
  requirePage(page.output, options)
  const { entries, next, passed } = page.output
  const listed = entries.map((entry) => ({ ...entry, modified: parseTimestamp(entry.modified) }))
  return { entries: listed, next, ...(passed && { passed }) }
}

/** The page of what is kept; `unreachable` for what is none, or not what was asked for. */
export async function readKeptPage(response: Reply, options: ListKeptOptions): Promise<KeptPage> {
  const page = await readJson(response.body, keptListing, MAX_LISTING_BYTES)
  if (!page.success) throw unexpected(`a listing of kept contents that is not valid: ${page.wrong}`)
  requireKeptPage(page.output, options)
  const { entries, next } = page.output
  return { entries: entries.map((entry) => ({ ...entry, kept: parseTimestamp(entry.kept) })), next }
}

function requireKeptPage({ entries, next }: KeptListing, { name, after = '', limit }: ListKeptOptions): void {
  const keys = entries.map(toKeptKey)
  const isOrdered = keys.every((key, i) => compareNames(key, keys[i - 1] ?? after) > 0)
  const isAskedFor = entries.every(
    (entry) => parseName(entry.name) !== null && entry.name === (name ?? entry.name),
  )
  const isTooLong = entries.length > (limit ?? MAX_LISTING_PAGE)
  const isEnd = next === null || next === keys.at(-1)
  if (!isOrdered || !isAskedFor || isTooLong || !isEnd)
    throw unexpected('a page of what is kept that is none')
}

/** What a replica says that it put back; `unreachable` for what is not what it was asked to. */
export async function readRestored(
  response: Reply,
  asked: Pick<RestoreOptions, 'digest'> & { readonly name: string },
): Promise<Written> {
  const answer = await readJson(response.body, restored, MAX_DESCRIBE_LINE_BYTES)
  if (!answer.success) throw unexpected(`an answer to a restore that is not valid: ${answer.wrong}`)
  const { name, digest, unkept } = answer.output
  if (name !== asked.name || digest !== asked.digest) throw unexpected('another file than the one put back')
  return { ...toFacts(answer.output), unkept }
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

/** Reads a body of JSON as `schema` has it, of at most `limit` bytes. */
async function readJson<T extends v.GenericSchema>(
  body: Reply['body'],
  schema: T,
  limit: number,
): Promise<Parsed<v.InferOutput<T>>> {
  const text = body === null ? '' : await readText(mapErrors(body), limit)
  if (text === null) return toWrongText(`the text is longer than ${toGrouped(limit)} bytes`)
  return parseJson(schema, text)
}

/** The lines of an answer, each as `schema` has it; `unreachable` for one that is none, or longer than any. */
export async function* readLines<T extends v.GenericSchema>(
  body: NonNullable<Reply['body']>,
  schema: T,
): AsyncGenerator<v.InferOutput<T>> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of readChunks(mapErrors(body))) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    for (const line of [...lines, rest]) {
      if (line.length > MAX_DESCRIBE_LINE_BYTES) throw unexpected('a line without end')
    }
    for (const line of lines) yield parseLine(line, schema)
  }
}

function parseLine<T extends v.GenericSchema>(text: string, schema: T): v.InferOutput<T> {
  const line = parseJson(schema, text)
  if (!line.success) throw unexpected(`a line that is not valid: ${line.wrong}`)
  return line.output
}

/** The file that an answer with 200 or 206 carries; refuses one whose fields are not those asked for. */
export async function toOpened(response: Reply, { range, ifDigest, signal }: OpenOptions): Promise<Opened> {
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
  const facts = {
    size: part?.size ?? length,
    digest,
    modified: parseTimeFields(headers),
    ...parseDigestEvidence(headers.get('Digest-Evidence') ?? ''),
  }
  return { facts, body: toStream(exactly(mapErrors(body), length), signal) }
}

function parseLength(headers: Reply['headers']): number | null {
  const text = headers.get('Content-Length') ?? ''
  return /^\d{1,15}$/.test(text) ? Number(text) : null
}

/** `body`, whose network errors are StorageErrors. */
export function mapErrors(body: NonNullable<Reply['body']>): Chunks {
  return through(toChunks(body), async function* (chunks) {
    try {
      yield* chunks
    } catch (error) {
      throw toNetworkError(error)
    }
  })
}

/** Reads why a replica did not give what it was asked; null when it says itself that the file is not there. */
export async function readProblem(response: Reply): Promise<StorageError | null> {
  const { status } = response
  if (response.headers.get('Content-Type') !== 'application/problem+json') {
    return await refuse(response, `status ${status} without a word of vouch`)
  }
  const answer = await readJson(response.body, problem, MAX_PROBLEM_BYTES)
  if (!answer.success) return unexpected(`a problem document that is not valid: ${answer.wrong}`)
  if (status === 404 && answer.output.type === 'not-found') return null
  const { type } = answer.output
  if (type === 'no-such-resource' || type === 'method-not-allowed') {
    return unexpected(
      "a word that its path leads nowhere: is it a coordinator's address, or one with a path too many?",
    )
  }
  const code = toTrouble(type) ?? 'unreachable'
  return new StorageError(code, (answer.output.detail ?? answer.output.title).slice(0, MAX_DETAIL_LENGTH))
}

/** Frees an answer, and throws `unreachable`: something else than a replica stands at the address. */
export async function refuse(response: Reply, what: string): Promise<never> {
  await response.body?.cancel()
  throw unexpected(what)
}

/** The error for an address that answered with `what`. */
export function unexpected(what: string, cause?: unknown): StorageError {
  return new StorageError('unreachable', `the replica's address answered with ${what}`, {
    reason: 'http_protocol_error',
    cause,
  })
}
