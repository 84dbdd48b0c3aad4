import { readText, toChunks } from '../../functions/bytes/chunks.ts'
import type { Reply } from '../../functions/storage/remote/replies.ts'
import { parseHttpDate } from '../../functions/wire/fields/dates.ts'
import { StorageError } from '../../functions/wire/storage-error.ts'
import { findText, parseXml, type XmlElement } from '../../functions/wire/xml/parse.ts'
import { MAX_ANSWER_BYTES, MAX_SKEW_MS } from './limits.ts'
import { isRegion } from './place.ts'

/** The failure in an answer of a store. */
export interface Failure {
  readonly status: number
  /** S3's code, such as `NoSuchKey`; null when the answer is not one of S3. */
  readonly code: string | null
  /** The region of the bucket; null when the answer does not contain it. */
  readonly region: string | null
  /** Seconds of `Retry-After`; null without it. */
  readonly retryAfter: number | null
  /** Milliseconds by which this machine's clock is ahead of the store's; null without a `Date`. */
  readonly ahead: number | null
}

export async function readFailure(reply: Reply): Promise<Failure> {
  return toFailure(reply, await readAnswer(reply))
}

/** Reads the XML of an answer; null for any other content, and for an answer that broke off. */
export async function readAnswer({ body }: Reply, limit = MAX_ANSWER_BYTES): Promise<XmlElement | null> {
  const text = body && (await readText(toChunks(body), limit).catch(() => null))
  return text === null ? null : parseXml(text)
}

/** The failure in an answer, of which `answer` is the XML. */
export function toFailure({ status, headers }: Reply, answer: XmlElement | null): Failure {
  const error = answer?.name === 'Error' ? answer : null
  const code = error && findText(error, 'Code')
  const region = headers.get('x-amz-bucket-region') ?? (error && findText(error, 'Region'))
  const retryAfter = headers.get('Retry-After') ?? ''
  const date = parseHttpDate(headers.get('Date') ?? '')
  return {
    status,
    // Both are shown to clients, so no other text of a store may get there.
    code: code !== null && /^[A-Za-z]{1,64}$/.test(code) ? code : null,
    region: region !== null && isRegion(region) ? region : null,
    retryAfter: /^\d{1,9}$/.test(retryAfter) ? Number(retryAfter) : null,
    ahead: date === null ? null : Date.now() - date,
  }
}

const CREDENTIALS: readonly string[] = [
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'ExpiredToken',
  'InvalidToken',
  'TokenRefreshRequired',
  'NotSignedUp',
  'AccountProblem',
]

/** The error for a failure. Its message contains no address, bucket or key. */
export function toStoreError(failure: Failure): StorageError {
  const { status, code } = failure
  const said = code === null ? `status ${status}` : `status ${status}, ${code}`
  if (isSkewed(failure)) return denied(`the store refused the time of the request: ${toSkew(failure)}`)
  if (failure.region !== null && isElsewhere(failure)) return elsewhere(failure.region)
  if (status === 429 || status === 503 || code === 'SlowDown') return busy(said, failure.retryAfter)
  if (status >= 500 || code === 'InternalError')
    return new StorageError('unreachable', `the store failed (${said})`)
  if (code === null) return protocolError(`${said} and no answer of S3`)
  if (code === 'NoSuchBucket') return denied('the store has no such bucket')
  if (CREDENTIALS.includes(code)) return denied(`the store refused the credentials (${said})`)
  if (code === 'InvalidObjectState') {
    return new StorageError('unreadable', 'the object is archived, and must be restored first')
  }
  if (status === 401 || status === 403) return refused(said)
  const message = `the store refused the request (${said})`
  return new StorageError('unreadable', message, { reason: 'http_request_error' })
}

function isSkewed({ status, code, ahead }: Failure): boolean {
  if (code === 'RequestTimeTooSkewed') return true
  // Some stores answer with a wrong signature instead, or without a code.
  return status === 403 && ahead !== null && Math.abs(ahead) > MAX_SKEW_MS
}

function toSkew({ ahead }: Failure): string {
  if (ahead === null) return "this machine's clock or the store's is wrong"
  const seconds = Math.round(Math.abs(ahead) / 1000)
  return `this machine's clock is ${seconds} s ${ahead > 0 ? 'ahead of' : 'behind'} the store's`
}

function isElsewhere({ status, code }: Failure): boolean {
  const codes = ['PermanentRedirect', 'TemporaryRedirect', 'AuthorizationHeaderMalformed']
  return (status >= 300 && status < 400) || codes.includes(code ?? '')
}

function elsewhere(region: string): StorageError {
  const message = `the bucket is in the region ${region}; set AWS_REGION or ?region= to that`
  return new StorageError('unreachable', message, { reason: 'proxy_configuration_error' })
}

function busy(said: string, retryAfter: number | null): StorageError {
  const wait = retryAfter === null ? '' : `; it asks to retry after ${retryAfter} s`
  return new StorageError('unreachable', `the store is too busy (${said})${wait}`)
}

function denied(message: string): StorageError {
  return new StorageError('unreachable', message, { reason: 'http_request_denied' })
}

/** S3 answers the same for an absent object when the credentials do not allow a listing. */
function refused(said: string): StorageError {
  const message = `the store denies access, whether or not the object is there (${said})`
  return new StorageError('unreadable', message, { reason: 'http_request_denied' })
}

/** The error for an answer that no store of S3 sends. */
export function protocolError(what: string): StorageError {
  const message = `the store's address answered with ${what}`
  return new StorageError('unreachable', message, { reason: 'http_protocol_error' })
}
