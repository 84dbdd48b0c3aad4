/**
 * Why a replica could not say, give or take what it was asked: the closed table of codes. Each maps to the error
 * type of RFC 9209 §2.3 that stands in `Replica-Status` when the error carries no reason of its own.
 */
export const TROUBLES = {
  /** The content is no longer the one asked for, or it changed while it was read. */
  changed: 'http_response_incomplete',
  /** The bytes contradict their digest. */
  integrity: 'http_response_incomplete',
  /** The name is no name of a file below a root. */
  'invalid-name': 'http_request_error',
  /** Something of that name is there that is never served: a symbolic link, a device, a FIFO, a socket. */
  'not-a-file': 'http_request_denied',
  /** The content is not among those that the replica keeps of what was replaced. */
  'not-kept': 'http_request_error',
  /** The range lies outside the content. */
  'out-of-range': 'http_request_error',
  /** A condition of a write does not hold: the content there is not the one named. */
  precondition: 'http_request_error',
  /** The storage was not opened for writing. */
  'read-only': 'http_request_denied',
  /** The store did not answer, or not in the way it must. */
  unreachable: 'destination_unavailable',
  /** The store answered that it could not read or write. */
  unreadable: 'proxy_internal_error',
} as const

/** A code of the table above. */
export type TroubleCode = keyof typeof TROUBLES

/** The codes of the table above, for schemas. */
export const TROUBLE_CODES = Object.keys(TROUBLES) as TroubleCode[] // Object.keys is typed string[]

/**
 * The one error that storages throw. Its message is shown to clients: it never holds an address, a path of the
 * host or a secret; those belong in `cause`.
 */
export class StorageError extends Error {
  override readonly name = 'StorageError'
  readonly code: TroubleCode
  /** An error type of RFC 9209 §2.3. */
  readonly reason: string

  constructor(code: TroubleCode, message: string, options: { reason?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.reason = options.reason ?? TROUBLES[code]
  }
}

/**
 * What a replica did instead of giving a copy, for a sentence that goes on after a colon with why: it did not answer, or
 * it did and gave none, as one does that refuses a token. `reason` is an error type of RFC 9209 §2.3.
 */
export function toFailureVerb(reason: string): 'did not answer' | 'gave no copy' {
  return isSilence(reason) ? 'did not answer' : 'gave no copy'
}

/** Whether an error type of RFC 9209 §2.3 says that no answer came. */
export function isSilence(reason: string): boolean {
  return /^(connection_|dns_|tls_|destination_|http_response_timeout$)/.test(reason)
}

/** `error` as a StorageError: itself, or `unreadable` around an error that no adapter foresaw. */
export function toStorageError(error: unknown): StorageError {
  if (error instanceof StorageError) return error
  return new StorageError('unreadable', 'the store failed in a way it has no word for', { cause: error })
}
