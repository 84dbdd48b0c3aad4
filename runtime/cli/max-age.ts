import { toGrouped } from '../../functions/wire/grouped.ts'
import { MAX_AGE_SECONDS } from '../../functions/wire/limits.ts'
import type { Flags } from '../node/configuration.ts'
import { Refusal } from '../node/refusal.ts'

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }

/** The parameter `max-age` of a request that `--max-age` and `--deep` come to; none without either. Throws a Refusal. */
export function toMaxAgeQuery(flags: Flags): Readonly<Record<string, string>> {
  const text = flags['max-age']
  if (text === undefined) return flags['deep'] ? { 'max-age': '0' } : {}
  const seconds = parseAge(String(text))
  if (seconds === null)
    throw new Refusal(
      `--max-age takes a whole number of seconds, or a number with s, m, h, d or w behind it, such as 30d, up to ${toGrouped(MAX_AGE_SECONDS)} seconds; got '${text}'`,
    )
  if (flags['deep'] && seconds !== 0)
    throw new Refusal(`--deep means --max-age 0, got also --max-age ${text}; leave one of them out`)
  return { 'max-age': String(seconds) }
}

/** Seconds from `90`, `90s`, `5m`, `2h`, `30d` or `1w`; null for anything else, and for more than 68 years. */
export function parseAge(text: string): number | null {
  const [, digits, unit = 's'] = /^(\d{1,10})([smhdw]?)$/.exec(text) ?? []
  const seconds = Number(digits) * (SECONDS[unit === '' ? 's' : unit] ?? 1)
  return seconds <= MAX_AGE_SECONDS ? seconds : null
}
