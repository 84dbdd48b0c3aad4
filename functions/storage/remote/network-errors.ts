import { StorageError } from '../../wire/storage-error.ts'

const UNKNOWN_AUTHORITY = 'is from an authority that is not trusted here'

/** The error codes of Node and undici, each with an error type of RFC 9209 §2.3 and a message. */
const REASONS: Readonly<Record<string, readonly [reason: string, message: string]>> = {
  ECONNREFUSED: ['connection_refused', 'the replica refused the connection'],
  ECONNRESET: ['connection_terminated', 'the replica closed the connection'],
  EPIPE: ['connection_terminated', 'the replica closed the connection'],
  UND_ERR_SOCKET: ['connection_terminated', 'the replica closed the connection'],
  ETIMEDOUT: ['connection_timeout', 'the connection to the replica timed out'],
  UND_ERR_CONNECT_TIMEOUT: ['connection_timeout', 'the connection to the replica timed out'],
  RESPONSE_TIMEOUT: ['http_response_timeout', 'the replica did not answer in time'],
  BODY_TIMEOUT: ['connection_read_timeout', 'the replica stopped sending'],
  UND_ERR_HEADERS_TIMEOUT: ['http_response_timeout', 'the replica did not answer in time'],
  UND_ERR_BODY_TIMEOUT: ['connection_read_timeout', 'the replica stopped sending'],
  ENOTFOUND: ['dns_error', "no such host: the name of the replica's host has no address"],
  EAI_AGAIN: ['dns_timeout', "the lookup of the replica's host timed out"],
  ALERT: ['tls_alert_received', 'the replica refused the TLS connection'],
  CLIENT_CERTIFICATE_MISSING: ['tls_alert_received', 'the replica requires a client certificate'],
  CLIENT_CERTIFICATE: ['tls_alert_received', 'the replica refused the client certificate'],
  PROTOCOL: ['tls_protocol_error', 'the TLS connection to the replica failed'],
  EHOSTUNREACH: ['destination_ip_unroutable', "no route leads to the replica's host"],
  ENETUNREACH: ['destination_ip_unroutable', "no route leads to the replica's network"],
}

/** The codes of OpenSSL and Node for a refused certificate, each with the end of `its certificate …`. */
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

/** Why a server's certificate was refused, as the end of a sentence: `has expired`. Null for other errors. */
export function toCertificateWords(error: unknown): string | null {
  for (const code of toCodes(error)) {
    if (Object.hasOwn(CERTIFICATES, code)) return CERTIFICATES[code] ?? null
    if (!isAlert(code) && /CERT|ISSUER|VERIFY_LEAF/.test(code)) return 'is not trusted'
  }
  return null
}

/**
 * An error of the host's fetch, or of a body that it returned, as `unreachable`. A StorageError is returned
 * unchanged, and so is one that fetch wraps, which is the error of a body that it sent.
 */
export function toNetworkError(error: unknown): StorageError {
  for (let at = error; at instanceof Error; at = at.cause) if (at instanceof StorageError) return at
  const [reason, message] = findReason(error)
  return new StorageError('unreachable', message, { reason, cause: error })
}

function findReason(error: unknown): readonly [reason: string, message: string] {
  const words = toCertificateWords(error)
  if (words !== null) return ['tls_certificate_error', `the replica's certificate ${words}`]
  const known = toCodes(error)
    .map((code) => REASONS[toKnown(code)])
    .find((found) => found !== undefined)
  return known ?? ['destination_unavailable', 'the replica did not answer']
}

/** The codes of an error and its causes, the outermost first: fetch wraps the error that has the code. */
function toCodes(error: unknown): string[] {
  const codes: string[] = []
  for (let at = error; at instanceof Error; at = at.cause) {
    if ('code' in at && typeof at.code === 'string') codes.push(at.code)
  }
  return codes
}

function isAlert(code: string): boolean {
  return /^ERR_SSL_.*ALERT/.test(code)
}

/** Maps Node's many TLS codes to a few kinds. */
function toKnown(code: string): string {
  if (isAlert(code)) {
    if (code.includes('CERTIFICATE_REQUIRED')) return 'CLIENT_CERTIFICATE_MISSING'
    return /CERT|UNKNOWN_CA/.test(code) ? 'CLIENT_CERTIFICATE' : 'ALERT'
  }
  return /^(ERR_SSL|EPROTO)/.test(code) ? 'PROTOCOL' : code
}
