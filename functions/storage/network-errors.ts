import { StorageError } from '../wire/trouble.ts'

const UNKNOWN_AUTHORITY = 'is from an authority that is not trusted here'

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
  ALERT: ['tls_alert_received', 'the replica refused the TLS connection'],
  CLIENT_CERTIFICATE_MISSING: ['tls_alert_received', 'the replica requires a client certificate'],
  CLIENT_CERTIFICATE: ['tls_alert_received', 'the replica refused the client certificate'],
  PROTOCOL: ['tls_protocol_error', 'no TLS connection to the replica came about'],
  EHOSTUNREACH: ['destination_ip_unroutable', "no route leads to the replica's host"],
  ENETUNREACH: ['destination_ip_unroutable', "no route leads to the replica's network"],
}

/** What the codes of OpenSSL and Node say of the other side's certificate, after `its certificate`. */
const CERTIFICATES: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'has expired',
  CERT_NOT_YET_VALID: 'is not valid yet',
  CERT_REVOKED: 'was revoked',
  ERR_TLS_CERT_ALTNAME_INVALID: 'is for another host name',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'is self-signed, and not trusted here',
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_AUTHORITY,
}

/**
 * Why the other side's certificate was refused, after `its certificate`: `has expired`. Null for an error of another
 * kind.
 */
export function toCertificateWords(error: unknown): string | null {
  for (const code of toCodes(error)) {
    if (Object.hasOwn(CERTIFICATES, code)) return CERTIFICATES[code] ?? null
    if (!isAlert(code) && /CERT|ISSUER|VERIFY_LEAF/.test(code)) return 'is not trusted'
  }
  return null
}

/**
 * An error of the host's fetch, or of a body it gave, as `unreachable`. A StorageError stays what it is, and so does one
 * that fetch wraps: that of a body it was to send.
 */
export function toNetworkError(error: unknown): StorageError {
  for (let at = error; at instanceof Error; at = at.cause) if (at instanceof StorageError) return at
  const [reason, message] = findReason(error)
  return new StorageError('unreachable', message, { reason, cause: error })
}

function findReason(error: unknown): readonly [reason: string, message: string] {
  const words = toCertificateWords(error)
  if (words !== null) return ['tls_certificate_error', `the replica's certificate ${words}`]
  const known = toCodes(error).map((code) => REASONS[toKnown(code)])
  return (
    known.find((found) => found !== undefined) ?? ['destination_unavailable', 'the replica did not answer']
  )
}

/** The codes along the causes of an error, the outermost first: fetch wraps the one that tells. */
function toCodes(error: unknown): string[] {
  const codes: string[] = []
  for (let at = error; at instanceof Error; at = at.cause) {
    if ('code' in at && typeof at.code === 'string') codes.push(at.code)
  }
  return codes
}

/** Whether it is the other side that refused. */
function isAlert(code: string): boolean {
  return /^ERR_SSL_.*ALERT/.test(code)
}

/** The codes of Node's TLS errors are many, and of a few kinds. */
function toKnown(code: string): string {
  if (isAlert(code)) {
    if (code.includes('CERTIFICATE_REQUIRED')) return 'CLIENT_CERTIFICATE_MISSING'
    return /CERT|UNKNOWN_CA/.test(code) ? 'CLIENT_CERTIFICATE' : 'ALERT'
  }
  return /^(ERR_SSL|EPROTO)/.test(code) ? 'PROTOCOL' : code
}
