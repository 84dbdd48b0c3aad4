import { StorageError, type TroubleCode } from '../../functions/wire/trouble.ts'

/** What R2 refuses of an object by its code; its other codes are troubles of its own. */
const REFUSALS: Readonly<Record<string, readonly [TroubleCode, string]>> = {
  '10012': ['unreadable', 'the bucket refused what was to be written with the object'],
  '10020': ['unreadable', 'the bucket takes no such key'],
  '10037': ['integrity', 'the bytes contradict their digest'],
  '10039': ['out-of-range', 'the range lies outside the file'],
  '100100': ['unreadable', 'the bucket takes no object so large'],
}

/**
 * An error of a binding as a StorageError: `unreachable`, in the words of `message`, unless it says that the object, or
 * one more request, was refused. A StorageError stays what it is.
 */
export function toPlatformError(error: unknown, message: string): StorageError {
  if (error instanceof StorageError) return error
  const text = error instanceof Error ? error.message : String(error)
  // The store is well: it shall not be taken for one that does not answer.
  if (/too many (sub|api )requests/i.test(text)) {
    return new StorageError('unreadable', 'this takes more requests than the platform allows a Worker', {
      cause: error,
    })
  }
  const [code, words] = REFUSALS[/\((\d+)\)\s*$/.exec(text)?.[1] ?? ''] ?? ['unreachable', message]
  return new StorageError(code, words, { cause: error })
}
