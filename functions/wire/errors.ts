import type { ByteRange } from './fields/ranges.ts'
import { StorageError } from './storage-error.ts'

/** `changed`: the content is not the one that the caller asked for. */
export function changedError(message = 'the file is no longer the one asked for'): StorageError {
  return new StorageError('changed', message)
}

/** `changed`: the file changed during the read. */
export function changedWhileReadError(): StorageError {
  return changedError('the file changed while it was read')
}

/** `integrity`: the bytes are not those of their digest or their size. */
export function integrityError(message = 'the bytes contradict their digest'): StorageError {
  return new StorageError('integrity', message)
}

/** `precondition`: a write found another content than it replaces, or a file where it creates one. */
export function preconditionError(): StorageError {
  return new StorageError('precondition', 'the name does not hold the content that was to be replaced')
}

/** `unreachable`: the storage was closed before it answered. */
export function closedError(): StorageError {
  return new StorageError('unreachable', 'the storage was closed')
}

/** Returns the range, by default all of a content of `size` bytes; throws `out-of-range` beyond it. */
export function requireRange(range: ByteRange | undefined, size: number): ByteRange {
  const { offset, length } = range ?? { offset: 0, length: size }
  if (offset + length <= size) return { offset, length }
  throw new StorageError('out-of-range', `the range lies outside the file's ${size} bytes`)
}
