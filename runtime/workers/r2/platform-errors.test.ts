import { describe, expect, it } from 'vitest'
import { StorageError } from '../../../functions/wire/storage-error.ts'
import { toPlatformError } from './platform-errors.ts'

describe('an error of a binding', () => {
  it.each([
    [
      'head: We encountered an internal error. Please try again. (10001)',
      'unreachable',
      'the bucket is gone',
    ],
    [
      'put: Reduce your concurrent request rate for the same object. (10058)',
      'unreachable',
      'the bucket is gone',
    ],
    ['Network connection lost.', 'unreachable', 'the bucket is gone'],
    ['get: The requested range is not satisfiable (10039)', 'out-of-range', 'range'],
    ['put: The specified object name is not valid. (10020)', 'unreadable', 'key'],
    ['put: Your proposed upload exceeds the maximum allowed size. (100100)', 'unreadable', 'large'],
    ['put: The SHA-256 checksum you specified did not match. (10037)', 'integrity', 'digest'],
    ['Too many subrequests by single Worker invocation.', 'unreadable', 'more requests'],
    ['Too many subrequests.', 'unreadable', 'more requests'],
    ['Too many API requests by single worker invocation.', 'unreadable', 'more requests'],
  ])('is recognized by its code, and its message is not reported: %s', (message, code, words) => {
    const cause = new Error(message)
    const error = toPlatformError(cause, 'the bucket is gone')
    expect(error).toMatchObject({ code, cause })
    expect(error.message).toContain(words)
    expect(error.message).not.toContain(message)
  })

  it('that is a StorageError is unchanged', () => {
    const error = new StorageError('changed', 'another')
    expect(toPlatformError(error, 'x')).toBe(error)
  })

  it('that is not an Error becomes a StorageError', () => {
    expect(toPlatformError(undefined, 'gone')).toMatchObject({ code: 'unreachable', message: 'gone' })
  })
})
