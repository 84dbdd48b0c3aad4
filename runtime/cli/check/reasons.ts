import type { Manifest } from '../../../functions/wire/schemas/manifest.ts'
import { formatNumber } from '../../../functions/wire/text.ts'
import { type Io, say } from '../../hosting/io.ts'
import { isTrouble, toFailureText } from '../client/failure-words.ts'
import { MAX_REASONS } from '../limits.ts'
import { toLocalTime } from '../terminal/times.ts'

/** Prints why names could not be compared where their lines have no room: the first, and how many more. */
export function createReasons(io: Io) {
  let count = 0
  return {
    say({ name, replicas }: Manifest): void {
      if (replicas.length > 2) return
      for (const report of replicas.filter(isTrouble))
        if (++count <= MAX_REASONS) say(io, `warning: ${name}: ${report.id} ${toFailureText(report)}`)
    },
    end(): void {
      const more = count - MAX_REASONS
      if (more > 0) say(io, `warning: ${formatNumber(more)} more; --json prints the reason for each`)
    },
  }
}

export function sayRot(io: Io, { name, replicas }: Manifest): void {
  for (const { id, rottedFrom, goodAt } of replicas) {
    if (rottedFrom === undefined) continue
    const when = goodAt === undefined ? '' : ` when it was read ${toLocalTime(goodAt)}`
    say(
      io,
      `warning: ${id}: ${name} changed without a change of its size and times, so it is probably corrupt: its digest was ${rottedFrom}${when}`,
    )
  }
}
