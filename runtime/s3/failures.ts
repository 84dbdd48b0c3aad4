import type { Reply } from '../../functions/storage/replies.ts'
import { readText, toChunks } from '../../functions/storage/streams.ts'
import { parseHttpDate } from '../../functions/wire/dates.ts'
import { StorageError } from '../../functions/wire/trouble.ts'
import { MAX_ANSWER_BYTES, MAX_SKEW_MS } from './limits.ts'
import { isRegion } from './place.ts'
import { findText, parseXml, type XmlElement } from './xml.ts'

/** What a store answered instead of what it was asked for. */
export interface Failure {
  readonly status: number
  /** What S3 calls it, such as `NoSuchKey`; null where the answer was not one of S3. */
  readonly code: string | null
  /** Where the bucket is, where the answer tells. */
  readonly region: string | null
  /** What `Retry-After` says, in seconds. */
  readonly retryAfter: number | null
  /** Milliseconds by which the clock of this machine is ahead of the store's; null where it does not tell. */
  readonly ahead: number | null
}

/** Reads an answer that is a failure, to its end. */
export async function readFailure(reply: Reply): Promise<Failure> {
  return toFailure(reply, await readAnswer(reply))
}

/** The XML of an answer, read to its end; null for anything else, and for what broke off. */
export async function readAnswer({ body }: Reply, limit = MAX_ANSWER_BYTES): Promise<XmlElement | null> {
  const text = body && (await readText(toChunks(body), limit).catch(() => null))
  return text === null ? null : parseXml(text)
}

/** What an answer says, `answer` being its XML. */
export function toFailure({ status, headers }: Reply, answer: XmlElement | null): Failure {
  const error = answer?.name === 'Error' ? answer : null
  const code = error && findText(error, 'Code')
  const region = headers.get('x-amz-bucket-region') ?? (error && findText(error, 'Region'))
  const retryAfter = headers.get('Retry-After') ?? ''
  const date = parseHttpDate(headers.get('Date') ?? '')
  return {
    status,
    // Both go on to people: nothing that a store could write otherwise shall.
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

/** The error for a failure: what the store said, in words for people, which hold no address, bucket or key. */
export function toStoreError(failure: Failure): StorageError {
  const { status, code } = failure
  const said = code === null ? `status ${status}` : `status ${status}, ${code}`
  if (isSkewed(failure)) return denied(`the store refused a request with another time: ${toSkew(failure)}`)
  if (failure.region !== null && isElsewhere(failure)) return elsewhere(failure.region)
  if (status === 429 || status === 503 || code === 'SlowDown') return busy(said, failure.retryAfter)
  if (status >= 500 || code === 'InternalError')
    return new StorageError('unreachable', `the store failed (${said})`)
  if (code === null) return protocolError(`${said} without a word of S3`)
  if (code === 'NoSuchBucket') return denied('the store has no such bucket')
  if (CREDENTIALS.includes(code)) return denied(`the store refused the credentials (${said})`)
  if (code === 'InvalidObjectState') {
    return new StorageError('unreadable', 'the object is archived, and must be restored first')
  }
  if (status === 401 || status === 403) return refused(said)
  return new StorageError('unreadable', `the store refused the request (${said})`, {
    reason: 'http_request_error',
  })
}

function isSkewed({ status, code, ahead }: Failure): boolean {
  if (code === 'RequestTimeTooSkewed') return true
  // Some stores call it a wrong signature, or nothing.
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
  return new StorageError(
    'unreachable',
    `the bucket is in the region ${region}, and was asked for in another`,
    {
      reason: 'proxy_configuration_error',
    },
  )
}

function busy(said: string, retryAfter: number | null): StorageError {
  const wait = retryAfter === null ? '' : `, and wants ${retryAfter} s of rest`
  return new StorageError('unreachable', `the store is too busy (${said})${wait}`)
}

function denied(message: string): StorageError {
  return new StorageError('unreachable', message, { reason: 'http_request_denied' })
}

/** Where nobody may list, S3 says the same of an object that is not there. */
function refused(said: string): StorageError {
  return new StorageError(
    'unreadable',
    `the store denies access, whether or not the object is there (${said})`,
    {
      reason: 'http_request_denied',
    },
  )
}

/** The error for an address that answered with `what`. */
export function protocolError(what: string): StorageError {
  return new StorageError('unreachable', `the store's address answered with ${what}`, {
    reason: 'http_protocol_error',
  })
}
