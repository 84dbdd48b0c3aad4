import type * as v from 'valibot'
import { type Chunks, exactly, toChunks, toStream } from '../../bytes/chunks.ts'
import { parseFileModes, parseNotKept, toFileModes } from '../../wire/attributes.ts'
import { changedError, integrityError } from '../../wire/errors.ts'
import { toSeconds } from '../../wire/fields/dates.ts'
import { toEtag, toReprDigest } from '../../wire/fields/fields.ts'
import { toRangeField } from '../../wire/fields/ranges.ts'
import { toFilePath } from '../../wire/fields/routes.ts'
import { type Trace, toTraceparent } from '../../wire/fields/trace.ts'
import { MAX_NAMES_PER_DESCRIBE } from '../../wire/limits.ts'
import { type DescribeLine, describeLine, proveLine, surveyLine } from '../../wire/schemas/replica.ts'
import { StorageError, toStorageError } from '../../wire/storage-error.ts'
import { parseName, requireName } from '../names.ts'
import type { DescribeOptions, Proof, PutOptions, Storage, WritableStorage, Written } from '../storage.ts'
import { createSurveyCheck } from '../survey/survey-check.ts'
import { createToDone } from '../work.ts'
import { toNetworkError } from './network-errors.ts'
import {
  type Reply,
  readKeptPage,
  readLinesTo,
  readPage,
  readProblem,
  readRestored,
  readSignedTree,
  takeLines,
  throwUnexpected,
  toOpened,
  unexpected,
} from './replies.ts'
import { fromWireLine, toError, toFacts } from './wire-lines.ts'

/**
 * A replica server at `url` as a storage. It does not follow redirects. An answer that is encoded, or that no
 * replica sends, is `unreachable`: another server is at that address. A file is absent only when the replica
 * answers `not-found`. Errors never name the address. Writes that it refuses are rejected as `read-only`.
 *
 * @example
 * const server2 = createRemoteStorage('https://server2.example:6002', { token: () => token })
 * const replicas = [{ id: 'server1', storage }, { id: 'server2', storage: server2 }]
 * const app = createCoordinator(replicas, { createHasher })
 */
export function createRemoteStorage(url: string, options: RemoteOptions = {}): WritableStorage {
  const ask = createAsk(url.replace(/\/+$/, ''), options)

  const describe: WritableStorage['describe'] = (names, options = {}) => {
    const { maxAge, sums, sign, trace, signal } = options
    return askNames(names, async (batch, settle) => {
      const json = { names: batch, maxAge, sums, sign }
      const reply = await ask('/describe', { json, isRepeatable: true, trace, signal })
      await takeAnswers(reply, batch, describeLine, toFacts, settle, options)
    })
  }

  return {
    describe,
    prove(names, options) {
      const { nonce, trace, signal } = options
      return askNames<Proof>(names, async (batch, settle) => {
        const json = { names: batch, nonce }
        const reply = await ask('/prove', { json, isRepeatable: true, trace, signal })
        if (reply.status === 404) await throwEarlier(reply, 'prove copies')
        await takeAnswers(reply, batch, proveLine, ({ size, proof }) => ({ size, proof }), settle, options)
      })
    },
    async open(name, options = {}) {
      const { range, ifDigest, trace, signal } = options
      const headers = {
        ...(range && { Range: toRangeField(range) }),
        ...(ifDigest !== undefined && { 'If-Match': toEtag(ifDigest) }),
      }
      const reply = await ask(toFilePath(requireName(name)), { headers, trace, signal })
      if (reply.status === (range ? 206 : 200) && reply.body !== null) return toOpened(reply, options)
      if (reply.status === 200) return await throwUnexpected(reply, 'the whole file for a part of it')
      const error = await readProblem(reply)
      if (error === null) return null
      throw reply.status === 412 ? changedError() : error
    },
    async list({ signal, isCounted: _, ...options } = {}) {
      const reply = await ask(`/files${toQuery(options)}`, { signal })
      if (reply.status !== 200) throw (await readProblem(reply)) ?? unexpected('no listing')
      return await readPage(reply, options)
    },
    async *survey(survey, { trace, signal } = {}) {
      const reply = await ask('/survey', { json: survey, isRepeatable: true, trace, signal })
      if (reply.status !== 200 || reply.body === null) {
        throw (await readProblem(reply)) ?? unexpected('no survey')
      }
      const check = createSurveyCheck(survey)
      const lines = readLinesTo(reply.body, surveyLine, (line) => 'end' in line, 'the survey broke off')
      for await (const line of lines) {
        if ('end' in line) continue
        const one = fromWireLine(line)
        check(one)
        yield one
      }
    },
    async signTree(prefix, { trace, signal, onProgress } = {}) {
      const reply = await ask('/tree', { json: { prefix }, isRepeatable: true, trace, signal })
      // Without a key, or of an earlier version.
      if (reply.status === 404) {
        await reply.body?.cancel()
        return null
      }
      if (reply.status !== 200 || reply.body === null)
        throw (await readProblem(reply)) ?? unexpected('no tree')
      return await readSignedTree(reply.body, onProgress)
    },
    async listKept({ signal, ...options } = {}) {
      if (options.name !== undefined) requireName(options.name)
      const reply = await ask(`/kept${toQuery(options)}`, { signal })
      if (reply.status !== 200) throw (await readProblem(reply)) ?? unexpected('no listing')
      return await readKeptPage(reply, options)
    },
    async readModes(name, { signal } = {}) {
      const reply = await ask(toFilePath(requireName(name)), { method: 'HEAD', signal })
      await reply.body?.cancel()
      if (reply.status === 404) return null
      if (reply.status !== 200) throw unexpected(`status ${reply.status}`)
      return parseFileModes(reply.headers.get('File-Modes') ?? '')
    },
    ...createRemoteWrites(ask, describe),
  }
}

/** Settles the promise of one name. */
type Settle<T> = (name: string, answer: T | null | StorageError) => void

/** A promise for each name, which `askBatch` settles for those that are valid, each once, some at a time. */
function askNames<T>(
  names: readonly string[],
  askBatch: (batch: readonly string[], settle: Settle<T>) => Promise<void>,
): readonly Promise<T | null>[] {
  const valid = [...new Set(names)].filter((name) => parseName(name) !== null)
  const questions = new Map(valid.map((name) => [name, Promise.withResolvers<T | null>()]))
  const settle: Settle<T> = (name, answer) => {
    if (answer instanceof StorageError) questions.get(name)?.reject(answer)
    else questions.get(name)?.resolve(answer)
  }
  for (let i = 0; i < valid.length; i += MAX_NAMES_PER_DESCRIBE) {
    const batch = valid.slice(i, i + MAX_NAMES_PER_DESCRIBE)
    askBatch(batch, settle).catch((error) => {
      for (const name of batch) settle(name, toStorageError(error))
    })
  }
  return names.map((name) => questions.get(name)?.promise ?? rejectInvalid(name))
}

type NameLine<H extends { readonly name: string }> =
  | H
  | Extract<DescribeLine, { absent: true } | { error: unknown } | { working: number }>

/** Reads an answer of a line for each name in `batch`; throws when one is left out. */
async function takeAnswers<H extends { readonly name: string }, T>(
  reply: Reply,
  batch: readonly string[],
  schema: v.GenericSchema<unknown, NameLine<H>>,
  toHeld: (line: H) => T,
  settle: Settle<T>,
  { onProgress }: Pick<DescribeOptions, 'onProgress'>,
): Promise<void> {
  if (reply.status !== 200 || reply.body === null) throw await readProblem(reply)
  const open = new Set(batch)
  const toDone = createToDone()
  const take = (line: NameLine<H>) => {
    if ('working' in line) {
      onProgress?.({ done: toDone(line.work ?? 0), reading: line.reading })
    } else if (open.delete(line.name)) {
      if ('absent' in line) settle(line.name, null)
      else settle(line.name, 'error' in line ? toError(line.error) : toHeld(line))
    }
    return open.size === 0
  }
  await takeLines(reply.body, schema, take, 'the replica left a name unanswered')
}

/** The answer to a name that is not valid. */
async function rejectInvalid(name: string): Promise<null> {
  requireName(name)
  return null
}

function toQuery(parameters: Readonly<Record<string, string | number | undefined>>): string {
  const set = Object.entries(parameters).filter(([, value]) => value !== undefined && value !== '')
  return set.length === 0 ? '' : `?${new URLSearchParams(set.map(([key, value]) => [key, String(value)]))}`
}

/** What the adapters pass to `fetch`. */
export interface SendInit {
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'OPTIONS' | 'PROPFIND'
  readonly headers: Record<string, string>
  readonly body?: string | ReadableStream<Uint8Array>
  readonly signal?: AbortSignal
  readonly redirect: 'manual'
  /** Without it `fetch` refuses a streamed body. */
  readonly duplex: 'half'
  /** Whether it may be sent again, because it changes nothing; by its method when absent. */
  readonly isRepeatable?: boolean
}

/** The part of `fetch` that the adapters use. */
export type Send = (url: string, init: SendInit) => Promise<Reply>

/** How a replica server is reached. */
export interface RemoteOptions {
  /** The host's `fetch` when absent. */
  readonly fetch?: Send | undefined
  /** Returns the token to send (RFC 6750); called before each request. */
  readonly token?: (() => string) | undefined
}

/** What a call asks of the replica; `json` is sent by POST. */
interface Ask extends Partial<Pick<SendInit, 'method' | 'headers' | 'body' | 'isRepeatable'>> {
  readonly json?: unknown
  readonly trace?: Trace | undefined
  readonly signal?: AbortSignal | undefined
}

/** Sends one request to the replica. The caller reads the body of the reply or cancels it. */
export type AskReplica = (path: string, ask: Ask) => Promise<Reply>

/** Sends a request, not redirected and not encoded; rejects with `unreachable` when no answer comes. */
export async function sendPlain(
  send: Send,
  url: string,
  { headers, signal, ...init }: Omit<SendInit, 'redirect' | 'duplex' | 'signal'> & Pick<Ask, 'signal'>,
): Promise<Reply> {
  const sent = {
    ...init,
    headers: { ...headers, 'Accept-Encoding': 'identity' },
    ...(signal && { signal }),
    ...({ redirect: 'manual', duplex: 'half' } as const),
  }
  return await send(url, sent).catch((error) => {
    signal?.throwIfAborted()
    throw toNetworkError(error)
  })
}

/** Sends requests to the replica server at `base`. */
function createAsk(base: string, { fetch: send = fetch, token }: RemoteOptions): AskReplica {
  return async (path, { json, trace, signal, ...init }) => {
    signal?.throwIfAborted()
    const headers = {
      ...init.headers,
      ...(json !== undefined && { 'Content-Type': 'application/json' }),
      ...(trace && { traceparent: toTraceparent(trace) }),
      ...(token && { Authorization: `Bearer ${token()}` }),
    }
    const asked = json === undefined ? init : { ...init, method: 'POST' as const, body: JSON.stringify(json) }
    const reply = await sendPlain(send, base + path, { ...asked, headers, signal })
    if (reply.headers.get('Content-Encoding') !== null) {
      return await throwUnexpected(reply, 'an encoded answer')
    }
    if (reply.status !== 401) return reply
    await reply.body?.cancel()
    const refusal = token ? 'refused the token' : 'requires a token, and none was sent'
    throw new StorageError('unreachable', `the replica ${refusal}`, { reason: 'http_request_denied' })
  }
}

function createRemoteWrites(
  ask: AskReplica,
  describe: Storage['describe'],
): Pick<WritableStorage, 'put' | 'restore' | 'move'> {
  async function write(name: string, body: Chunks, options: PutOptions): Promise<Written> {
    const { size, digest, replaces, modified, modes, signal } = options
    const reply = await ask(toFilePath(name), {
      method: 'PUT',
      headers: {
        'Content-Length': String(size),
        'Repr-Digest': toReprDigest(digest),
        ...(replaces === null ? { 'If-None-Match': '*' } : { 'If-Match': toEtag(replaces) }),
        ...(modified != null && { 'File-Modified': toSeconds(modified) }),
        ...(modes && { 'File-Modes': toFileModes(modes) }),
      },
      // A body of another length than announced would break the connection, which hides the cause.
      body: toStream(exactly(body, size, integrityError)),
      signal,
    })
    if (reply.status === 405) throw new StorageError('read-only', 'the replica does not accept writes')
    if (reply.status !== 201 && reply.status !== 204) {
      throw (await readProblem(reply)) ?? unexpected('no answer to a write')
    }
    const unkept = parseNotKept(reply.headers.get('Not-Kept') ?? '')
    const written = (await describe([name], { signal })[0]) ?? null
    if (written?.digest === digest) return { ...written, size, ...(unkept.length > 0 && { unkept }) }
    throw changedError()
  }

  return {
    async put(name, body, options) {
      const chunks = toChunks(body)
      try {
        return await write(requireName(name), chunks, options)
      } finally {
        // Does nothing after the end of the body.
        await chunks.cancel().catch(() => {})
      }
    },

    async restore(name, { signal, ...options }) {
      const reply = await ask('/restore', { json: { name: requireName(name), ...options }, signal })
      if (reply.status !== 200) throw (await readProblem(reply)) ?? unexpected('no answer to a restore')
      return await readRestored(reply, { name, ...options })
    },

    async move(from, to, { signal, ...options }) {
      for (const name of [from, to]) requireName(name)
      const reply = await ask('/move', { json: { from, to, ...options }, signal })
      if (reply.status === 204) return await reply.body?.cancel()
      if (reply.status === 404) await throwEarlier(reply, 'move files')
      throw (await readProblem(reply)) ?? unexpected('no answer to a move')
    },
  }
}

/** Throws for a 404 from a route that every replica server of this version has. */
async function throwEarlier(reply: Reply, what: string): Promise<never> {
  await reply.body?.cancel()
  const message = `the replica server cannot ${what}, because it is of an earlier version; update it`
  throw new StorageError('unreadable', message)
}
