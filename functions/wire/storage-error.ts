/** Why a storage failed: the closed table of codes, each with its default error type of RFC 9209 §2.3. */
export const STORAGE_ERRORS = {
  /** The content is no longer the requested one, or it changed while it was read. */
  changed: 'http_response_incomplete',
  /** The bytes contradict their digest. */
  integrity: 'http_response_incomplete',
  /** The name is not a valid file name. */
  'invalid-name': 'http_request_error',
  /** The name is a symbolic link, a device, a FIFO or a socket, which are never served. */
  'not-a-file': 'http_request_denied',
  /** The replica does not keep the content among its replaced ones. */
  'not-kept': 'http_request_error',
  /** The range lies outside the content. */
  'out-of-range': 'http_request_error',
  /** A condition of a write does not hold: the file holds another content than the one named. */
  precondition: 'http_request_error',
  /** The storage was not opened for writing. */
  'read-only': 'http_request_denied',
  /** The store did not answer, or its answer was not valid. */
  unreachable: 'destination_unavailable',
  /** The store reported that it could not read or write. */
  unreadable: 'proxy_internal_error',
} as const

/** A code of the table above. */
export type StorageErrorCode = keyof typeof STORAGE_ERRORS

/** The codes of the table above, for schemas. */
export const STORAGE_ERROR_CODES = Object.keys(STORAGE_ERRORS) as StorageErrorCode[] // Object.keys is typed string[]

/** The error of storages. Clients see its message: addresses, host paths and secrets go in `cause`. */
export class StorageError extends Error {
  override readonly name = 'StorageError'
  readonly code: StorageErrorCode
  /** An error type of RFC 9209 §2.3. */
  readonly reason: string

  constructor(code: StorageErrorCode, message: string, options: { reason?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.reason = options.reason ?? STORAGE_ERRORS[code]
  }
}

/** How a replica sent no copy, by `reason`: it was silent, or answered, for example to refuse a token. */
export function toFailureVerb(reason: string): 'did not answer' | 'sent no copy' {
  return isSilence(reason) ? 'did not answer' : 'sent no copy'
}

/** Whether an error type of RFC 9209 §2.3 means that no answer arrived. */
export function isSilence(reason: string): boolean {
  return /^(connection_|dns_|tls_|destination_|http_response_timeout$)/.test(reason)
}

/** Returns a StorageError unchanged; wraps any other error, which no adapter expected, as `unreadable`. */
export function toStorageError(error: unknown): StorageError {
  if (error instanceof StorageError) return error
  return new StorageError('unreadable', 'the store failed unexpectedly', { cause: error })
}

/** Resolves as `promise` does, or with the StorageError that it rejects with; rejects with other errors. */
export async function settle<T>(promise: Promise<T>): Promise<T | StorageError> {
  try {
    return await promise
  } catch (error) {
    if (error instanceof StorageError) return error
    throw error
  }
}
