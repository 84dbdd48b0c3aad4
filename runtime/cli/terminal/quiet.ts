import { Writable } from 'node:stream'
import type { Io } from '../../hosting/io.ts'

/** `io` whose standard error passes only warnings and errors on: no other lines, and no bars. */
export function toQuiet(io: Io): Io {
  const stderr = new Writable({
    // Each line is one write.
    write(chunk, _encoding, done) {
      if (LOUD.test(String(chunk))) io.stderr.write(chunk, done)
      else done()
    },
  })
  return { ...io, stderr }
}

/** The heads of such lines, perhaps in colour. */
const LOUD = /^(\x1b\[[\d;]*m)?(warning|error|vouch):/
