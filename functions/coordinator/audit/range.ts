import { compareNames } from '../../storage/names.ts'
import type { AuditRequest } from './audit-request.ts'

/** What is wrong with the ends of a range; null when some name may lie between them. */
export function findRangeFault({ after = '', until }: Pick<AuditRequest, 'after' | 'until'>): string | null {
  if (until === undefined || compareNames(after, until) < 0) return null
  return `until takes a name after '${after}' in byte order, got '${until}'`
}
