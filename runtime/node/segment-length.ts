import { StorageError } from '../../functions/wire/trouble.ts'
import { MAX_SEGMENT_BYTES } from './limits.ts'

/** Whether a name has a segment that is longer than a directory can hold: no file below it has such a name. */
export function hasLongSegment(name: string): boolean {
  if (name.length * 3 <= MAX_SEGMENT_BYTES) return false
  return name.split('/').some((segment) => Buffer.byteLength(segment) > MAX_SEGMENT_BYTES)
}

/** Throws `invalid-name` for a name that cannot be written below a directory. */
export function requireSegments(name: string): void {
  if (!hasLongSegment(name)) return
  const rule = `this directory cannot hold the name: a segment has at most ${MAX_SEGMENT_BYTES} bytes here`
  throw new StorageError('invalid-name', rule)
}
