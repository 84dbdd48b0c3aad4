import { StorageError } from '../wire/trouble.ts'

/** What the codes of Node's and undici's errors mean: an error type of RFC 9209 §2.3 and the words for people. */
const REASONS: Readonly<Record<string, readonly [reason: string, message: string]>> = {
  ECONNREFUSED: ['connection_refused', 'the replica refused the connection'],
  ECONNRESET: ['connection_terminated', 'the replica broke the connection off'],
  EPIPE: ['connection_terminated', 'the replica broke the connection off'],
  UND_ERR_SOCKET: ['connection_terminated', 'the replica broke the connection off'],
  ETIMEDOUT: ['connection_timeout', 'no connection to the replica came about in time'],
  UND_ERR_CONNECT_TIMEOUT: ['connection_timeout', 'no connection to the replica came about in time'],
  UND_ERR_HEADERS_TIMEOUT: ['http_response_timeout', 'the replica did not answer in time'],
  UND_ERR_BODY_TIMEOUT: ['connection_read_timeout', 'the replica fell silent'],
  ENOTFOUND: ['dns_error', "the replica's host has no address"],
  EAI_AGAIN: ['dns_timeout', "the replica's host was not looked up in time"],
  CERTIFICATE: ['tls_certificate_error', "the replica's certificate is not trusted"],
  ALERT: ['tls_alert_received', 'the replica refused the TLS connection'],
  PROTOCOL: ['tls_protocol_error', 'no TLS connection to the replica came about'],
  EHOSTUNREACH: ['destination_ip_unroutable', "no route leads to the replica's host"],
  ENETUNREACH: ['destination_ip_unroutable', "no route leads to the replica's network"],
}

/**
 * An error of the host's fetch, or of a body it gave, as `unreachable`. A StorageError stays what it is, and so does one
 * that fetch wraps: that of a body it was to send.
 */
export function toNetworkError(error: unknown): StorageError {
  for (let at = error; at instanceof Error; at = at.cause) if (at instanceof StorageError) return at
  const [reason, message] = REASONS[findCode(error)] ?? [
    'destination_unavailable',
    'the replica did not answer',
  ]
  return new StorageError('unreachable', message, { reason, cause: error })
}

/** The first code along the causes of an error: fetch wraps the one that tells. */
function findCode(error: unknown): string {
  for (let at = error; at instanceof Error; at = at.cause) {
    const code = 'code' in at && typeof at.code === 'string' ? toKnown(at.code) : ''
    if (code in REASONS) return code
  }
  return ''
}

/** The codes of Node's TLS errors are many, and of a few kinds. */
function toKnown(code: string): string {
  if (/CERT|ISSUER|SELF_SIGNED|VERIFY_LEAF|ALTNAME/.test(code)) return 'CERTIFICATE'
  if (/^ERR_SSL_.*ALERT/.test(code)) return 'ALERT'
  return /^(ERR_SSL|EPROTO)/.test(code) ? 'PROTOCOL' : code
}
