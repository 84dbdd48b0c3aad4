import type { Context, Hono } from 'hono'
import * as v from 'valibot'
import { NAME_RULE, parseName } from '../storage/names.ts'
import type { Places } from '../storage/overlap.ts'
import { readBody, refuseSlowBody } from '../storage/request-body.ts'
import type { PutOptions, Storage } from '../storage/storage.ts'
import { primed, toChunks, toStream } from '../storage/streams.ts'
import { createAnswer } from '../wire/answer.ts'
import { type AppEnv, type AppOptions, createApp, refuseOtherMethods, settle, toJson } from '../wire/app.ts'
import { parseFileModes, toFileModes, toNotKept } from '../wire/attributes.ts'
import { parseSeconds, toTimestamp } from '../wire/dates.ts'
import type { CreateHasher } from '../wire/digest.ts'
import { parseEtag, parseReprDigest, toDigestEvidence, toEtag, toReprDigest } from '../wire/fields.ts'
import { createLimit } from '../wire/limit.ts'
import {
  BODY_PACE_BYTES,
  BODY_SILENCE_MS,
  MAX_LISTINGS,
  MAX_SURVEYS,
  MAX_WRITES_UNDER_WAY,
} from '../wire/limits.ts'
import { refuseForeignPage } from '../wire/origin.ts'
import { parseLimit, toLimitRule } from '../wire/paging.ts'
import { parse } from '../wire/parse.ts'
import { toPassedMember } from '../wire/passed.ts'
import { createProblem, toProblem } from '../wire/problems.ts'
import type { ByteRange } from '../wire/ranges.ts'
import { answerContent } from '../wire/representation.ts'
import { parseFilePath, toFilePath } from '../wire/routes.ts'
import type { Listing } from '../wire/schemas.ts'
import { StorageError } from '../wire/trouble.ts'
import { answerDescribe } from './describe.ts'
import { answerKept, takeRestore } from './kept.ts'
import { answerReadiness } from './ready.ts'
import { answerSurvey } from './survey.ts'

/** What a replica server takes beside its storage. */
export interface ReplicaOptions extends AppOptions {
  /** Takes `PUT` and `POST /restore`; without it every write is refused, whatever the storage could do. */
  readonly writable?: boolean | undefined
  /** The host's SHA-256, with which a deep survey reads every byte; refused without it, unless the storage has its own. */
  readonly createHasher?: CreateHasher | undefined
  /** Where the files lie, in 32 hexadecimal digits each, for coordinators that ask whether two replicas are one place. */
  readonly places?: Places | undefined
}

/** One storage over HTTP, as `RemoteStorage` reads it and as curl can. */
export function createReplica(storage: Storage, options: ReplicaOptions = {}): Hono<AppEnv> {
  const app = createApp(options)
  const fileMethods = options.writable ? 'GET, HEAD, PUT' : 'GET, HEAD'

  app.post('/describe', (c) => answerDescribe(storage, c))
  refuseOtherMethods(app, '/describe', 'POST')
  const surveys = { createHasher: options.createHasher, limit: createLimit(MAX_SURVEYS, 'surveys') }
  app.post('/survey', (c) => answerSurvey(storage, c, surveys))
  refuseOtherMethods(app, '/survey', 'POST')
  for (const path of ['/files', '/kept', '/readyz']) app.get(path, refuseForeignPage)
  const listing = createLimit(MAX_LISTINGS, 'listings')
  app.get('/files', (c) => listing.run(() => answerListing(storage, c)))
  refuseOtherMethods(app, '/files', 'GET, HEAD')
  app.get('/files/*', (c) => withName(c, (name) => answerFile(storage, name, c.req.raw)))
  const writes = createLimit(MAX_WRITES_UNDER_WAY, 'writes')
  if (options.writable) {
    app.put('/files/*', (c) => withName(c, (name) => writes.run(() => takeFile(storage, name, c.req.raw))))
  }
  refuseOtherMethods(app, '/files/*', fileMethods)
  app.get('/readyz', (c) => answerReadiness(storage, options.places, c.req.raw.signal))
  refuseOtherMethods(app, '/readyz', 'GET, HEAD')
  app.get('/kept', (c) => listing.run(() => answerKept(storage, c)))
  refuseOtherMethods(app, '/kept', 'GET, HEAD')
  app.post('/restore', (c) => takeRestore(storage, c, options.writable === true))
  refuseOtherMethods(app, '/restore', 'POST')
  app.get('/openapi.json', async () => toJson((await import('./openapi.ts')).DOCUMENT))
  refuseOtherMethods(app, '/openapi.json', 'GET, HEAD')
  return app
}

async function withName(c: Context, answer: (name: string) => Promise<Response>): Promise<Response> {
  const name = parseName(parseFilePath(c.req.url) ?? '')
  if (name === null) return createProblem('invalid-name', NAME_RULE)
  const response = await settle(answer(name))
  return response instanceof StorageError ? toProblem(response) : response
}

/** HEAD describes, permissions too; GET opens, so that what is announced is what is sent. */
async function answerFile(storage: Storage, name: string, request: Request): Promise<Response> {
  const { method, headers, signal } = request
  const opened = method === 'HEAD' ? null : await openWanted(storage, name, request)
  if (opened instanceof StorageError) return createProblem('precondition-failed', opened.message)
  const facts = opened?.facts ?? (await storage.describe([name], { signal })[0]) ?? null
  if (facts === null) return createProblem('not-found', 'this replica has no such file')

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
    return await answerContent(method, headers, { name, ...facts }, { fields, open })
  } finally {
    if (!sent) await opened?.body.cancel()
  }
}

/** Opens the file; with one ETag in `If-Match`, as a coordinator asks, only that content, which needs no look before. */
async function openWanted(storage: Storage, name: string, request: Request) {
  const ifDigest = parseEtag(request.headers.get('If-Match') ?? '') ?? undefined
  const opened = await settle(storage.open(name, { ifDigest, signal: request.signal }))
  if (opened instanceof StorageError && (opened.code !== 'changed' || ifDigest === undefined)) throw opened
  return opened
}

async function answerListing(storage: Storage, c: Context): Promise<Response> {
  const { prefix, after, limit } = c.req.query()
  const size = parseLimit(limit)
  if (size === null) return createProblem('invalid-parameter', toLimitRule(limit))
  const page = await settle(storage.list({ prefix, after, limit: size, signal: c.req.raw.signal }))
  if (page instanceof StorageError) return toProblem(page)
  const entries = page.entries.map((entry) => ({ ...entry, modified: toTimestamp(entry.modified) }))
  const passed = page.passed && { passed: toPassedMember(page.passed) }
  return toJson({ entries, next: page.next, ...passed } satisfies Listing)
}

const conditions = v.union([
  v.object({ ifMatch: v.string(), ifNoneMatch: v.null() }),
  v.object({ ifMatch: v.null(), ifNoneMatch: v.literal('*') }),
])

const PACE_RULE = `of a body at least ${BODY_PACE_BYTES} bytes must arrive in ${BODY_SILENCE_MS / 1000} seconds`

/** A write is whole, proves its bytes by `Repr-Digest`, and says what it replaces (RFC 6585 §3 otherwise). */
async function takeFile(storage: Storage, name: string, request: Request): Promise<Response> {
  const size = Number(request.headers.get('Content-Length') ?? Number.NaN)
  if (!Number.isSafeInteger(size)) return createProblem('length-required', 'a PUT takes a Content-Length')
  const digest = parseReprDigest(request.headers.get('Repr-Digest') ?? '')
  if (digest === null) return createProblem('invalid-body', 'a PUT takes a Repr-Digest with sha-256')
  const said = parse(conditions, {
    ifMatch: request.headers.get('If-Match'),
    ifNoneMatch: request.headers.get('If-None-Match'),
  })
  const replaces = said.success && said.output.ifMatch !== null ? parseEtag(said.output.ifMatch) : null
  if (!said.success || (said.output.ifMatch !== null && replaces === null)) {
    return createProblem('precondition-required', 'a PUT takes If-None-Match: * or If-Match with one ETag')
  }
  const carried = parseCarried(request.headers)
  if (carried === null) {
    return createProblem('invalid-body', 'File-Modified takes seconds since 1970, File-Modes octal numbers')
  }
  const body = readBody(request)
  const facts = await storage
    .put(name, toStream(body), { size, digest, replaces, ...carried, signal: request.signal })
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

/** What a write carries beside its bytes; null when a field is malformed. */
function parseCarried(headers: Headers): Pick<PutOptions, 'modified' | 'modes'> | null {
  const [time, list] = [headers.get('File-Modified'), headers.get('File-Modes')]
  const modified = time === null ? undefined : parseSeconds(time)
  const modes = list === null ? undefined : parseFileModes(list)
  return modified === null || modes === null ? null : { modified, modes }
}
