import type { Manifest } from '../../../functions/wire/schemas/manifest.ts'
import { formatCount } from '../../../functions/wire/text.ts'
import { createPaint } from '../../hosting/colour.ts'
import { type Io, say } from '../../hosting/io.ts'
import { sayRot } from '../check/reasons.ts'
import { createRows, toMark } from '../check/rows.ts'
import { isTrouble } from '../client/failure-words.ts'
import { MAX_LEFT_OUT_SAID } from '../limits.ts'

/** The number of names that the replicas do not agree on, and of those of them that some did not report. */
export interface LeftOut {
  readonly names: number
  readonly unreadable: number
}

/** Prints the names that the replicas do not agree on, as `vouch check` would, to standard error. */
export function createLeftOut(io: Io) {
  const rows = createRows(createPaint(io.stderr, io.env), { isFiltered: false })
  let [names, unreadable] = [0, 0]
  return {
    add(manifest: Manifest): void {
      sayRot(io, manifest)
      const mark = toMark(manifest)
      if (mark === '!' || manifest.replicas.some(isTrouble)) unreadable++
      if (++names <= MAX_LEFT_OUT_SAID) io.stderr.write(rows.manifest(mark, manifest))
    },
    end(): void {
      const more = names - MAX_LEFT_OUT_SAID
      if (more > 0) say(io, `and ${formatCount(more, 'more name', 'more names')}; 'vouch check' lists all`)
    },
    counts: (): LeftOut => ({ names, unreadable }),
  }
}
