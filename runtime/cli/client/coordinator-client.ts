import type * as v from 'valibot'
import { type Chunks, readText, toChunks } from '../../../functions/bytes/chunks.ts'
import { parseTimeFields } from '../../../functions/http/serve-content.ts'
import { toCertificateWords, toNetworkError } from '../../../functions/storage/remote/network-errors.ts'
import type { Send } from '../../../functions/storage/remote/remote.ts'
import type { Reply } from '../../../functions/storage/remote/replies.ts'
import type { Digest } from '../../../functions/wire/digest.ts'
import {
  parseEtag,
  parseReplicaAgreement,
  parseReplicaStatus,
  parseReprDigest,
  toReprDigest,
} from '../../../functions/wire/fields/fields.ts'
import { parseJson } from '../../../functions/wire/json/parse.ts'
import { MAX_LISTING_BYTES } from '../../../functions/wire/limits.ts'
import {
  type Problem,
  problem as problemSchema,
  type ReplicaReport,
} from '../../../functions/wire/schemas/manifest.ts'
import type { Agreement } from '../../../functions/wire/schemas/values.ts'
import { UserError } from '../../node/user-error.ts'

/** A failure that may pass, of the network or of a server: a retry may succeed. */
export class Broken extends UserError {
  override readonly name: string = 'Broken'

  constructor(message: string) {
    super(message, 'unreachable')
  }
}

/** No connection to the coordinator can be made: another request now would fail too. */
export class Unreachable extends Broken {
  override readonly name = 'Unreachable'
}

/** The server at that address is not a coordinator: another request would fail too. */
export class NotACoordinator extends UserError {
  override readonly name = 'NotACoordinator'

  constructor(message: string) {
    super(message, 'not-a-coordinator')
  }
}

/** A request beside its path. */
interface CoordinatorRequest {
  /** GET, or POST with `json`, when absent. */
  readonly method?: 'HEAD' | 'PROPFIND' | undefined
  readonly fields?: Readonly<Record<string, string>> | undefined
  /** The body of a POST. */
  readonly json?: string | undefined
}

/**
 * Sends a request. Throws `NotACoordinator` for a redirect or an encoded response, `Broken` or `Unreachable`
 * for a network failure.
 */
export type CoordinatorClient = (path: string, init?: CoordinatorRequest) => Promise<Reply>

interface CoordinatorClientOptions {
  /** Sends the requests. It rejects, and a body errors, with the reason of the signal that it is passed. */
  readonly send: Send
  /** The bearer token to send (RFC 6750). */
  readonly token?: (() => string) | undefined
  readonly signal?: AbortSignal | undefined
}

/** A client of the coordinator at `base`. When the signal aborts, a request rejects with its reason. */
export function createCoordinatorClient(base: string, options: CoordinatorClientOptions): CoordinatorClient {
  const origin = base.replace(/\/+$/, '')

  return async function ask(path, { method, fields, json } = {}) {
    const { send, token, signal } = options
    const response = await send(origin + path, {
      method: method ?? (json === undefined ? 'GET' : 'POST'),
      redirect: 'manual',
      duplex: 'half',
      // Asks for a conflict as a problem, not as a multipart body.
      headers: {
        Accept: 'application/problem+json, */*;q=0.9',
        'Accept-Encoding': 'identity',
        ...(json !== undefined && { 'Content-Type': 'application/json' }),
        ...fields,
        ...(token && { Authorization: `Bearer ${token()}` }),
      },
      ...(json !== undefined && { body: json }),
      ...(signal && { signal }),
    }).catch((error) => {
      signal?.throwIfAborted()
      const { reason } = toNetworkError(error)
      const what = adviseOnReason(`cannot reach the coordinator at ${origin}: ${toReason(error)}`, reason)
      throw MAY_PASS.includes(reason) ? new Broken(what) : new Unreachable(what)
    })
    const location = response.headers.get('Location')
    if (location !== null)
      return await refuse(
        response,
        `redirects to '${location}'; if that is the coordinator, name it with --coordinator`,
      )
    const encoding = response.headers.get('Content-Encoding')
    if (encoding !== null)
      return await refuse(
        response,
        `answers with Content-Encoding '${encoding}', which vouch does not decode; name the coordinator directly, not a proxy`,
      )
    return response
  }

  async function refuse(response: Reply, what: string): Promise<never> {
    await response.body?.cancel()
    throw new NotACoordinator(`the coordinator at ${origin} ${what}`)
  }
}

/** The failures of one request, error types of RFC 9209 §2.3: another request may still succeed. */
const MAY_PASS: readonly string[] = [
  'connection_terminated',
  'connection_read_timeout',
  'http_response_timeout',
]

/** The reason of a network failure in words: `connection refused`, `its certificate has expired`. */
export function toReason(error: unknown): string {
  const words = toCertificateWords(error)
  return words === null ? toWords(toNetworkError(error).reason) : `its certificate ${words}`
}

/** An error type of RFC 9209 §2.3 in words. */
export function toWords(reason: string): string {
  return (Object.hasOwn(WORDS, reason) ? WORDS[reason] : undefined) ?? reason.replaceAll('_', ' ')
}

/** Where the name of the type is not plain enough. */
const WORDS: Readonly<Record<string, string>> = {
  connection_read_timeout: 'it stopped sending',
  destination_ip_unroutable: 'no route to the host',
  dns_error: 'no such host',
  dns_timeout: 'looking up the host timed out',
  http_request_denied: 'refused the token',
  http_request_error: 'refused the request',
  http_response_timeout: 'no response in time',
  tls_alert_received: 'refused the TLS connection',
}

/** What the header fields of a 200 announce of the file in its body. */
export interface Announced {
  readonly digest: Digest
  /** Bytes. */
  readonly size: number
  /** Strong, as received: for `If-Range` (RFC 9110 §13.1.5). */
  readonly etag: string
  /** Milliseconds since 1970, null when no time is announced. */
  readonly modified: number | null
  readonly agreement: Agreement
  readonly reports: readonly ReplicaReport[]
}

/** The digest and the size of the whole content that these fields announce; null when they lack either. */
export function parseContent(headers: Reply['headers']): Pick<Announced, 'digest' | 'size'> | null {
  const digest = parseDigest(headers)
  const length = headers.get('Content-Length') ?? ''
  return digest !== null && /^\d{1,15}$/.test(length) ? { digest, size: Number(length) } : null
}

function parseDigest(headers: Reply['headers']): Digest | null {
  const text = headers.get('Repr-Digest') ?? ''
  const tagged = parseEtag(headers.get('ETag') ?? '')
  // Comparing costs less than parsing.
  return tagged !== null && text === toReprDigest(tagged) ? tagged : parseReprDigest(text)
}

/** `parse`, which is not called again for the text that it was called with last. */
function rememberLast<T>(parse: (text: string) => T): (text: string) => T {
  let last: { readonly text: string; readonly value: T } | undefined
  return (text) => {
    if (last?.text !== text) last = { text, value: parse(text) }
    return last.value
  }
}

/** Of one answer after the other these fields are mostly the same. */
export const parseAgreementField = rememberLast((text) => parseReplicaAgreement(text)?.agreement)
export const parseStatusField = rememberLast(parseReplicaStatus)

/** What a 200 announces; throws `NotACoordinator` when its fields are not a coordinator's. */
export function readAnnounced({ headers }: Reply): Announced {
  const content = parseContent(headers)
  const etag = headers.get('ETag') ?? ''
  const agreement = parseAgreementField(headers.get('Replica-Agreement') ?? '')
  const reports = parseStatusField(headers.get('Replica-Status') ?? '')
  const isWhole = content !== null && parseEtag(etag) === content.digest
  if (!isWhole || agreement === undefined || reports === null) {
    throw new NotACoordinator(NOT_A_COORDINATOR)
  }
  return { ...content, etag, modified: parseTimeFields(headers), agreement, reports }
}

/** The response of a server that is not a coordinator. */
export const NOT_A_COORDINATOR =
  "the response lacks a coordinator's fields: is that URL a coordinator, and not a replica server?"

/** Far more than a problem takes: 1,000 replicas, each with an error in words. */
const MAX_PROBLEM_BYTES = 1024 * 1024

/** Reads a problem document. Throws `NotACoordinator` for any other response, `Broken` when it breaks off. */
export async function readProblem(response: Reply): Promise<Problem> {
  const text = await readBody(response, MAX_PROBLEM_BYTES)
  if (text === null)
    throw new NotACoordinator('the response is longer than any problem document: is that URL a coordinator?')
  const parsed = parseJson(problemSchema, text)
  const isProblem = /^application\/problem\+json *(;|$)/i.test(response.headers.get('Content-Type') ?? '')
  if (parsed.success && isProblem) return parsed.output
  throw new NotACoordinator(
    `the server answered ${response.status} without a problem document: is that URL a coordinator, without an extra path?`,
  )
}

/**
 * The JSON of a response of up to `limit` bytes, parsed by `schema`; throws a UserError for a problem, or
 * when it is not valid.
 */
export async function readAnswer<T extends v.GenericSchema>(
  response: Reply,
  schema: T,
  limit = MAX_LISTING_BYTES,
): Promise<v.InferOutput<T>> {
  if (response.status !== 200) throw toUserError(await readProblem(response))
  const parsed = parseJson(schema, (await readBody(response, limit)) ?? '')
  if (parsed.success) return parsed.output
  throw new NotACoordinator(`the response is not valid (${parsed.wrong}): is that URL a coordinator?`)
}

/** The body as text; null when it is longer than `limit` bytes. Throws `Broken` when it breaks off. */
export async function readBody({ body }: Reply, limit: number): Promise<string | null> {
  return body === null ? '' : await readText(catchBroken(body), limit)
}

/** The chunks of `body`, which throw `Broken` when it breaks off. */
export function catchBroken(body: NonNullable<Reply['body']>): Chunks {
  const chunks = toChunks(body)
  const next = () =>
    chunks.next().catch((error) => {
      throw new Broken(`the transfer broke off: ${toReason(error)}`)
    })
  return { ...chunks, next }
}

/** Problems whose title repeats the detail, or describes the HTTP request, which the user did not write. */
const UNTITLED: readonly string[] = ['invalid-body', 'invalid-parameter', 'not-found', 'existence-unknown']

/** A problem in one line: its title, its detail if any, and what to do next if known. */
export function toLine({ type, title, detail }: Problem): string {
  if (detail === undefined) return adviseOnProblem(title, type)
  return adviseOnProblem(UNTITLED.includes(type) ? detail : `${title}: ${detail}`, type)
}

/** A problem as an error of its type, about the file of this name if it is one about a file. */
export function toUserError(problem: Problem, name?: string): UserError {
  const line = toLine(problem)
  return new UserError(name === undefined ? line : `${name}: ${line}`, problem.type)
}

/** What to do when a coordinator cannot be reached, by the reason (an error type of RFC 9209 §2.3). */
const OF_REASON: Readonly<Record<string, string>> = {
  connection_refused: "is it running? 'vouch coordinator' starts one, and --coordinator names another",
  connection_terminated: 'if it serves https, write https:// in its address',
  connection_timeout: 'is the address right, and does no firewall block it?',
  destination_unavailable: 'is the address right? --coordinator names another',
  destination_ip_unroutable: 'is this machine on the right network?',
  dns_error: 'is the name of the host right? --coordinator names another',
  dns_timeout: 'does this machine have a working name server?',
  tls_certificate_error:
    '--ca names an authority to trust, and --coordinator must name the host that the certificate is for',
  tls_alert_received: 'it may require a client certificate: --client-cert and --client-key present one',
  tls_protocol_error: 'if it does not serve https, write http:// in its address',
}

/** What to do about a problem, by its type. */
const OF_PROBLEM: Readonly<Record<string, string>> = {
  misdirected: 'use its IP address or localhost, or start it with --token-file',
  overloaded: 'run it again in a moment',
  'read-only': 'start the server with --writable to allow writes',
  'too-few-answers': 'run it again when they answer, or lower --require',
  unauthorized: 'send one of its tokens with --token-file or VOUCH_TOKEN',
}

/** `message` and, behind a semicolon, what to do about a network failure for this reason. */
export function adviseOnReason(message: string, reason: string): string {
  return advise(message, OF_REASON, reason)
}

/** The same for a problem of this type. */
export function adviseOnProblem(message: string, type: string): string {
  return advise(message, OF_PROBLEM, type)
}

/** The key comes from a server, and may be `constructor`. */
function advise(message: string, table: Readonly<Record<string, string>>, key: string): string {
  return Object.hasOwn(table, key) ? `${message}; ${table[key]}` : message
}
