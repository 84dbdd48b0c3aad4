import { StorageError, type StorageErrorCode } from '../../../functions/wire/storage-error.ts'

/** The codes by which R2 refuses an object; any other code is a failure of R2. */
const REFUSALS: Readonly<Record<string, readonly [StorageErrorCode, string]>> = {
  '10012': ['unreadable', 'the bucket refused the metadata of the object'],
  '10020': ['unreadable', 'the bucket does not accept this key'],
  '10037': ['integrity', 'the bytes contradict their digest'],
  '10039': ['out-of-range', 'the range lies outside the file'],
  '100100': ['unreadable', 'the object is too large for the bucket'],
}

/**
 * An error of a binding as a StorageError: `unreachable` with `message`, unless the platform refused the
 * object, or one more request. A StorageError is returned unchanged.
 */
export function toPlatformError(error: unknown, message: string): StorageError {
  if (error instanceof StorageError) return error
  const text = error instanceof Error ? error.message : String(error)
  // The store is well, so this must not count as a store that does not answer.
  if (/too many (sub|api )requests/i.test(text)) {
    const detail = 'this needs more requests than the platform allows a Worker'
    return new StorageError('unreadable', detail, { cause: error })
  }
  const [code, words] = REFUSALS[/\((\d+)\)\s*$/.exec(text)?.[1] ?? ''] ?? ['unreachable', message]
  return new StorageError(code, words, { cause: error })
}
