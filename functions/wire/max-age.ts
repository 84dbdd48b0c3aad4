import { toGrouped } from './grouped.ts'
import { MAX_AGE_SECONDS } from './limits.ts'

/** Parses the parameter `max-age`: whole seconds from 0 to `MAX_AGE_SECONDS`; null for anything else. */
export function parseMaxAge(text: string): number | null {
  const seconds = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN
  return seconds <= MAX_AGE_SECONDS ? seconds : null
}

/** The sentence that refuses `text` as a `max-age`. */
export function toMaxAgeRule(text: string): string {
  return `max-age takes a whole number of seconds from 0 to ${toGrouped(MAX_AGE_SECONDS)}, got '${text}'`
}
