import type { Status } from '../../../functions/wire/schemas/ledger.ts'
import { toLocalTime } from './times.ts'

/**
 * How far the last verification has come, and what the next does: `verified by 2026-11-21 02:00:00 +01:00:
 * every byte was read since …`. `every` are the seconds in which the coordinator reads every byte by itself.
 */
export function toVerificationWords(
  { began, after, ended }: NonNullable<Status['verification']>,
  every: number | undefined,
): string {
  const since = `read since ${toLocalTime(began)}`
  const next =
    every === undefined ? null : toLocalTime(new Date(Date.parse(began) + 1000 * every).toISOString())
  if (ended !== null) {
    const again = next === null ? '' : `; the coordinator begins again at ${next}`
    return `verified by ${toLocalTime(ended)}: every byte was ${since}${again}`
  }
  const goesOn =
    next === null ? 'vouch verify goes on from there' : `the coordinator reads the rest by ${next}`
  const far = after === '' ? 'verifying the first files' : `verified up to '${after}'`
  return `${far}, ${since}; ${goesOn}`
}
