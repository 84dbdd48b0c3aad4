import type { Status } from '../../../functions/wire/schemas.ts'
import { toLocalTime } from './times.ts'

/** How far the last verification has come: `verified everything by 2026-11-21 02:00:00 +01:00`. */
export function toVerificationWords({ began, after, ended }: NonNullable<Status['verification']>): string {
  const since = `read since ${toLocalTime(began)}`
  if (ended !== null) return `verified by ${toLocalTime(ended)}: every byte was ${since}`
  return `verified up to '${after}', ${since}; vouch verify goes on from there`
}
