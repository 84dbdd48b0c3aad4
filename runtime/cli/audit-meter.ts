import type { Progress } from '../../functions/storage/survey.ts'
import { toCounted } from '../../functions/wire/grouped.ts'
import type { Talk } from './io.ts'
import { createMeter, toBar, toLeft, toSize } from './progress.ts'

/** How far an audit has come, shown to people. */
export interface AuditMeter {
  /** How far each replica is. */
  update(replicas: readonly Progress[]): void
  /** Takes the line away. */
  clear(): void
}

/** A line on `talk`, on a terminal only, and only once the audit has taken longer than a second. */
export function createAuditMeter(talk: Talk, now?: () => number): AuditMeter {
  const meter = createMeter(talk, now)
  return {
    update: (replicas) => meter.draw((ms) => toLine(replicas, ms)),
    clear: meter.clear,
  }
}

function toLine(replicas: readonly Progress[], ms: number): string {
  const seen = replicas.reduce(
    (sum, { seen: { names, bytes, remembered } }) => ({
      names: sum.names + names,
      bytes: sum.bytes + bytes,
      known: sum.known + remembered,
    }),
    { names: 0, bytes: 0, known: 0 },
  )
  const rate = (seen.bytes * 1000) / ms
  const known = seen.names === 0 ? 0 : Math.floor((100 * seen.known) / seen.names)
  const files = `${toCounted(seen.names, 'file', 'files')}  ${toSize(seen.bytes)}  ${toSize(rate)}/s  ${known}% from the index`
  const totals = replicas.flatMap(({ of }) => of?.bytes ?? [])
  if (totals.length < replicas.length) return files
  const total = totals.reduce((a, b) => a + b, 0)
  return `${toBar(seen.bytes, total)}  ${toLeft(Math.max(total - seen.bytes, 0), rate)}  ${files}`
}
