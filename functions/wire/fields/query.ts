import { MAX_AGE_SECONDS, MAX_LISTING_PAGE } from '../limits.ts'
import { formatNumber } from '../text.ts'

/** The parameter `limit` of a listing, `MAX_LISTING_PAGE` when absent; a message when it is not valid. */
export function parseLimit(text: string | undefined): number | string {
  if (text === undefined) return MAX_LISTING_PAGE
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0
  if (limit >= 1 && limit <= MAX_LISTING_PAGE) return limit
  return `limit takes 1 to ${MAX_LISTING_PAGE}, got '${text}'`
}

/** The parameter `max-age`: seconds up to `MAX_AGE_SECONDS`; null if absent, a message if not valid. */
export function parseMaxAge(text: string | null | undefined): number | null | string {
  if (text == null) return null
  const seconds = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN
  if (seconds <= MAX_AGE_SECONDS) return seconds
  return `max-age takes a whole number of seconds from 0 to ${formatNumber(MAX_AGE_SECONDS)}, got '${text}'`
}
