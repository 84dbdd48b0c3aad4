import { MAX_LISTING_PAGE } from './limits.ts'

/** The parameter `limit` of a listing as a number, `MAX_LISTING_PAGE` when absent; null when it is no such limit. */
export function parseLimit(text: string | undefined): number | null {
  if (text === undefined) return MAX_LISTING_PAGE
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0
  return limit >= 1 && limit <= MAX_LISTING_PAGE ? limit : null
}

/** What is said of a `limit` that is none. */
export function toLimitRule(text: string | undefined): string {
  return `limit takes 1 to ${MAX_LISTING_PAGE}, got '${text}'`
}
