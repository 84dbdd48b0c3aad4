import type { Context, Hono } from 'hono'
import { primed, toChunks, toStream } from '../bytes/chunks.ts'
import { createAnswer, toJson } from '../http/answer.ts'
import { type AppEnv, type AppOptions, addRoutes, createApp, type Handler, type Routes } from '../http/app.ts'
import { createLimit } from '../http/overload.ts'
import { createProblem, toProblem } from '../http/problems.ts'
import { readBody, refuseSlowBody } from '../http/request-body.ts'
import { answerContent, toRepresentation } from '../http/serve-content.ts'
import { answerKeys } from '../proof/answer-keys.ts'
import { answerTree } from '../proof/answer-tree.ts'
import type { Signer } from '../proof/keys.ts'
import { createSignFacts, createSignText } from '../proof/sign-facts.ts'
import { NAME_RULE, parseName } from '../storage/names.ts'
import type { Places } from '../storage/overlap.ts'
import { PROBE } from '../storage/probe.ts'
import type { PutOptions, Storage } from '../storage/storage.ts'
import { createDescribeSums } from '../storage/sums.ts'
import { requireWritable } from '../storage/writable.ts'
import { parseFileModes, toFileModes, toNotKept } from '../wire/attributes.ts'
import type { CreateHasher } from '../wire/digest.ts'
import { parseSeconds, toTimestamp } from '../wire/fields/dates.ts'
import { parseEtag, parseReprDigest, toDigestEvidence, toEtag, toReprDigest } from '../wire/fields/fields.ts'
import { parseLimit } from '../wire/fields/query.ts'
import type { ByteRange } from '../wire/fields/ranges.ts'
import { parseFilePath, toFilePath } from '../wire/fields/routes.ts'
import { withTimeout } from '../wire/limit.ts'
import {
  BODY_PACE_BYTES,
  BODY_SILENCE_MS,
  MAX_LISTINGS,
  MAX_SURVEYS,
  MAX_WRITES_UNDER_WAY,
  SILENCE_MS,
} from '../wire/limits.ts'
import { toPassedMember } from '../wire/passed.ts'
import type { Listing } from '../wire/schemas/replica.ts'
import { StorageError, settle } from '../wire/storage-error.ts'
import type { CreateSum } from '../wire/sums.ts'
import { answerDescribe } from './describe.ts'
import { answerKept, takeRestore } from './kept.ts'
import { takeMove } from './move.ts'
import { answerProve } from './prove.ts'
import { answerSurvey } from './survey.ts'

/** Options of a replica. */
export interface ReplicaOptions extends AppOptions {
  /**
   * Accepts `PUT`, `POST /restore` and `POST /move`; otherwise every write is refused, even if the storage is
   * writable.
   */
  readonly writable?: boolean | undefined
  /** The host's SHA-256 for deep surveys, which read every byte; required unless the storage has its own. */
  readonly createHasher?: CreateHasher | undefined
  /**
   * The host's hash functions beside SHA-256, for questions about other sums; a coordinator reads the bytes
   * to compute them itself when this or `createHasher` is absent.
   */
  readonly createSum?: CreateSum | undefined
  /** Where the files are, so that a coordinator can detect two replicas of the same place. */
  readonly places?: Places | undefined
  /**
   * The keys that sign what it says of its files, for receipts, and that `GET /keys` shows: two while one
   * takes the place of another, at most `MAX_SIGNATURES`; none when absent.
   */
  readonly signers?: readonly Signer[] | undefined
}

/**
 * Creates the app of a replica: one storage over HTTP, for coordinators (`createRemoteStorage`) and others.
 *
 * @example
 * const replica = createReplica(createDirectoryStorage('/srv/files'), { createHasher })
 * const response = await replica.request('/files/notes.txt')
 */
export function createReplica(storage: Storage, options: ReplicaOptions = {}): Hono<AppEnv> {
  const { createHasher, createSum, places, writable = false, signers = [] } = options
  const abilities = {
    describeSums: createHasher && createSum ? createDescribeSums({ createHasher, createSum }) : null,
    signFacts: signers.length > 0 ? createSignFacts(createSignText(signers)) : null,
  }
  const surveys = { createHasher, limit: createLimit(MAX_SURVEYS, 'surveys') }
  const proofs = createLimit(MAX_SURVEYS, 'proofs')
  const listings = createLimit(MAX_LISTINGS, 'listings')
  const writes = createLimit(MAX_WRITES_UNDER_WAY, 'writes')
  const write: Handler = (c) => withName(c, (name) => writes.run(() => takeFile(storage, name, c.req.raw)))

  const routes = {
    '/describe': { post: (c) => answerDescribe(storage, abilities, c) },
    '/prove': { post: (c) => proofs.run(() => answerProve(storage, createHasher, c)) },
    '/survey': { post: (c) => answerSurvey(storage, c, surveys) },
    '/tree': { post: (c) => answerTree(storage, c, { ...surveys, signers }) },
    '/files': { sameSite: true, get: (c) => listings.run(() => answerListing(storage, c)) },
    '/files/{name}': {
      get: (c) => withName(c, (name) => answerFile(storage, name, c.req.raw)),
      put: writable ? write : undefined,
    },
    '/readyz': { sameSite: true, get: (c) => answerReadiness(storage, places, c.req.raw.signal) },
    '/keys': { get: () => answerKeys(signers) },
    '/kept': { sameSite: true, get: (c) => listings.run(() => answerKept(storage, c)) },
    '/restore': { post: (c) => takeRestore(storage, c, writable) },
    '/move': { post: (c) => writes.run(() => takeMove(storage, c, writable)) },
  } satisfies Routes
  const app = createApp(options)
  addRoutes(app, routes, () => import('./openapi.ts'))
  return app
}

async function withName(c: Context, answer: (name: string) => Promise<Response>): Promise<Response> {
  const name = parseName(parseFilePath(c.req.url) ?? '')
  if (name === null) return createProblem('invalid-name', NAME_RULE)
  const response = await settle(answer(name))
  return response instanceof StorageError ? toProblem(response) : response
}

/** HEAD describes the file and its permissions. GET opens it: the fields are those of the bytes sent. */
async function answerFile(storage: Storage, name: string, request: Request): Promise<Response> {
  const { method, signal } = request
  const opened = method === 'HEAD' ? null : await openMatching(storage, name, request)
  if (opened instanceof StorageError) return createProblem('precondition-failed', opened.message)
  const facts = opened?.facts ?? (await storage.describe([name], { signal })[0]) ?? null
  if (facts === null) return createProblem('not-found', 'this replica has no such file')
  const { size } = facts
  if (size === null) throw new StorageError('unreadable', 'this replica is a list, which has no bytes')

  let sent = false
  const modes = method === 'HEAD' ? await storage.readModes?.(name, { signal }) : null
  const fields = {
    'Digest-Evidence': toDigestEvidence(facts),
    ...(modes && { 'File-Modes': toFileModes(modes) }),
  }
  const open = async (range?: ByteRange) => {
    const part = range ? await storage.open(name, { range, ifDigest: facts.digest, signal }) : opened
    if (part === null) throw new StorageError('changed', 'the file is no longer there')
    sent = part === opened
    return toStream(await primed(toChunks(part.body)))
  }
  try {
    return await answerContent(request, toRepresentation({ name, ...facts, size }, fields), open)
  } finally {
    if (!sent) await opened?.body.cancel()
  }
}

/** Opens the file; given one ETag in `If-Match`, as by coordinators, only that content, not described. */
async function openMatching(storage: Storage, name: string, request: Request) {
  const ifDigest = parseEtag(request.headers.get('If-Match') ?? '') ?? undefined
  const opened = await settle(storage.open(name, { ifDigest, signal: request.signal }))
  if (opened instanceof StorageError && (opened.code !== 'changed' || ifDigest === undefined)) throw opened
  return opened
}

async function answerListing(storage: Storage, c: Context): Promise<Response> {
  const { prefix, after, limit } = c.req.query()
  const size = parseLimit(limit)
  if (typeof size === 'string') return createProblem('invalid-parameter', size)
  const page = await settle(storage.list({ prefix, after, limit: size, signal: c.req.raw.signal }))
  if (page instanceof StorageError) return toProblem(page)
  const entries = page.entries.map((entry) => ({ ...entry, modified: toTimestamp(entry.modified) }))
  const passed = page.passed && { passed: toPassedMember(page.passed) }
  return toJson({ entries, next: page.next, ...passed } satisfies Listing)
}

const PACE_RULE = `at least ${BODY_PACE_BYTES} bytes of the body must arrive every ${BODY_SILENCE_MS / 1000} seconds`

/** A write is whole, has its digest in `Repr-Digest`, and names what it replaces (else RFC 6585 §3). */
async function takeFile(storage: Storage, name: string, request: Request): Promise<Response> {
  const size = Number(request.headers.get('Content-Length') ?? Number.NaN)
  if (!Number.isSafeInteger(size)) return createProblem('length-required', 'a PUT requires a Content-Length')
  const digest = parseReprDigest(request.headers.get('Repr-Digest') ?? '')
  if (digest === null) return createProblem('invalid-body', 'a PUT requires a Repr-Digest with sha-256')
  const [ifMatch, ifNoneMatch] = [request.headers.get('If-Match'), request.headers.get('If-None-Match')]
  const replaces = ifMatch === null ? null : parseEtag(ifMatch)
  const isValid = ifMatch === null ? ifNoneMatch === '*' : replaces !== null && ifNoneMatch === null
  if (!isValid) {
    return createProblem('precondition-required', 'a PUT requires If-None-Match: * or If-Match with one ETag')
  }
  const metadata = parseMetadata(request.headers)
  if (metadata === null) {
    return createProblem('invalid-body', 'File-Modified takes seconds since 1970, File-Modes octal numbers')
  }
  const writing = requireWritable(storage)
  const body = readBody(request)
  const facts = await writing
    .put(name, toStream(body), { size, digest, replaces, ...metadata, signal: request.signal })
    .catch((error) => {
      if (!body.isStalled()) throw error
      return null
    })
  if (facts === null) return refuseSlowBody(PACE_RULE)
  return createAnswer(
    replaces === null ? 201 : 204,
    {
      ETag: toEtag(facts.digest),
      'Repr-Digest': toReprDigest(facts.digest),
      'Digest-Evidence': toDigestEvidence(facts),
      ...(replaces === null && { Location: toFilePath(name) }),
      ...toNotKept(facts.unkept),
    },
    null,
  )
}

/** The metadata that a write carries; null when a field is malformed. */
function parseMetadata(headers: Headers): Pick<PutOptions, 'modified' | 'modes'> | null {
  const [time, list] = [headers.get('File-Modified'), headers.get('File-Modes')]
  const modified = time === null ? undefined : parseSeconds(time)
  const modes = list === null ? undefined : parseFileModes(list)
  return modified === null || modes === null ? null : { modified, modes }
}

/** `GET /readyz`: 200, with any `places`, if the storage answers within `SILENCE_MS`; else its error. */
async function answerReadiness(
  storage: Storage,
  places: Places | undefined,
  signal: AbortSignal,
): Promise<Response> {
  const asked = storage.describe([PROBE], { signal })[0] ?? null
  const said = await withTimeout(SILENCE_MS, settle(Promise.resolve(asked)))
  if (said instanceof StorageError) return toProblem(said)
  if (said !== undefined) return toJson({ status: 'ready', ...(places && { places }) })
  const silent = `the store did not answer for ${SILENCE_MS / 1000} seconds`
  return toProblem(new StorageError('unreachable', silent))
}
