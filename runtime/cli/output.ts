import { createHash } from 'node:crypto'
import { Refusal } from '../node/refusal.ts'
import type { Sink } from './download.ts'
import { type Io, writeOut } from './io.ts'

/** Standard output as where a content goes: hashed as it passes, nothing held back, nothing taken back. */
export function createOutput(io: Pick<Io, 'stdout' | 'signal'>): Sink {
  const hash = createHash('sha256')
  let offset = 0
  return {
    get offset() {
      return offset
    },
    async write(chunk) {
      hash.update(chunk)
      await writeOut(io, chunk)
      offset += chunk.length
    },
    digest: () => hash.digest('hex'),
    async keep() {},
    async discard(why) {
      if (offset > 0)
        throw new Refusal(
          `${why}: what went to standard output is not the file; throw that away, and run it again`,
        )
    },
  }
}
