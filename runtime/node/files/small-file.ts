import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs'
import { formatNumber } from '../../../functions/wire/text.ts'
import { UserError } from '../user-error.ts'
import { toReason } from './errno.ts'

/**
 * Reads a file of at most `most` bytes, on the calling thread. Throws a UserError of the kind `io` for any
 * other, with the message that `toMessage` makes of the reason.
 */
export function readSmallFile(
  path: string,
  { most, toMessage }: { readonly most: number; readonly toMessage: (reason: string) => string },
): Buffer {
  try {
    // Opening a FIFO would wait for a writer.
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      const stats = fstatSync(fd)
      if (!stats.isFile()) throw new Error('it is not a file')
      if (stats.size > most)
        throw new Error(`it has ${formatNumber(stats.size)} bytes, and may have ${formatNumber(most)}`)
      return readFileSync(fd)
    } finally {
      closeSync(fd)
    }
  } catch (error) {
    throw new UserError(toMessage(toReason(error)), 'io')
  }
}
