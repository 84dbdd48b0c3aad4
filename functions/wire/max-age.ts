import { toGrouped } from './grouped.ts'
import { MAX_AGE_SECONDS } from './limits.ts'

/**
 * Parses the parameter `max-age`: whole seconds from 0 to `MAX_AGE_SECONDS`; null where a request has none. Returns a
 * sentence that names what is wrong for anything else.
 */
export function parseMaxAge(text: string | null | undefined): number | null | string {
  if (text == null) return null
  const seconds = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN
  if (seconds <= MAX_AGE_SECONDS) return seconds
  return `max-age takes a whole number of seconds from 0 to ${toGrouped(MAX_AGE_SECONDS)}, got '${text}'`
}
