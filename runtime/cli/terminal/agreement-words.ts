import type { AuditSummary } from '../../../functions/wire/schemas/audit.ts'
import { formatCount, formatNumber } from '../../../functions/wire/text.ts'

/** How many names have which agreement. */
interface Counts {
  readonly agreements: AuditSummary['agreements']
  /** The ids of the replicas, in order. */
  readonly ids: readonly string[]
  /** The ids of those where names are missing. */
  readonly missingOn: ReadonlySet<string>
  /** How many pairs of missing names are two names of one file; 0 when absent. */
  readonly renamed?: number
}

/** Replicas that the summary names as those where files are missing. */
const MAX_MISSING_IDS = 3

/** `1,998 the same everywhere, 1 differ, 1 missing on vm2`. */
export function toAgreementWords({ agreements, ids, missingOn, renamed = 0 }: Counts): string {
  const lacking = ids.filter((id) => missingOn.has(id))
  const { unanimous = 0, conflict = 0, incomplete = 0, degraded = 0, unknown = 0 } = agreements
  const counts = [
    [unanimous, ids.length === 1 ? 'on one replica, compared with nothing' : 'the same everywhere'],
    [conflict, 'differ'],
    [2 * renamed, `names of ${formatCount(renamed, 'renamed file', 'renamed files')}`],
    [
      incomplete - 2 * renamed,
      lacking.length > MAX_MISSING_IDS ? 'missing somewhere' : `missing on ${lacking.join(' or ')}`,
    ],
    [degraded + unknown, 'not compared everywhere'],
  ] as const
  const parts = counts.filter(([count], i) => count > 0 || i === 0)
  return parts.map(([count, what]) => `${formatNumber(count)} ${what}`).join(', ')
}
