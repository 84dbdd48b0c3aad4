import type { AuditSummary } from '../../wire/schemas/audit.ts'

/** Kinds of differences in an audit: agreements of names, and copies that rotted. */
const KINDS = ['conflict', 'incomplete', 'degraded', 'unknown', 'rotten'] as const

/** How many differences of each kind an audit has found, as metrics count them on every host. */
export function toDifferenceCounts({
  agreements,
  rotten,
}: AuditSummary): [kind: (typeof KINDS)[number], count: number][] {
  return KINDS.map((kind) => [kind, kind === 'rotten' ? rotten : (agreements[kind] ?? 0)])
}
