import { isInnerList, parseList } from 'structured-headers'
import { attempt } from '../../wire/attempt.ts'
import type { Reply } from '../remote/replies.ts'

type Fields = Reply['headers']

/**
 * The age in seconds of an answer that came from a cache which did not ask the server; null when the fields
 * do not have the age, undefined when no field shows that the answer came from a cache.
 *
 * `Age` (RFC 9111 §5.1) counts only above 0, as Varnish sends 0 with what it has just fetched.
 * `Cache-Status` is of RFC 9211, `X-Cache` of squid, CloudFront and Fastly, `X-Cache-Status` of nginx as
 * usually configured, `CF-Cache-Status` of Cloudflare; Varnish marks a hit by two numbers in `X-Varnish`.
 */
export function findCachedAge(fields: Fields): number | null | undefined {
  const age = Math.max(
    ...toMembers(fields, 'Age').map((text) => (/^\d{1,15}$/.test(text) ? Number(text) : 0)),
  )
  if (age > 0) return age
  return isHit(fields) ? null : undefined
}

function isHit(fields: Fields): boolean {
  const statuses = attempt(() => parseList(fields.get('Cache-Status') ?? '')) ?? []
  return (
    HIT_FIELDS.some((name) => toMembers(fields, name).some((value) => HIT.test(value))) ||
    toMembers(fields, 'X-Varnish').some((value) => /^\d+ \d+$/.test(value)) ||
    statuses.some((item) => !isInnerList(item) && item[1].get('hit') === true)
  )
}

/** The members of a list field, one from each server on the way; at least one, which may be empty. */
function toMembers(fields: Fields, name: string): string[] {
  return (fields.get(name) ?? '').split(',').map((text) => text.trim())
}

const HIT_FIELDS = ['X-Cache', 'X-Cache-Status', 'CF-Cache-Status']

/** nginx and Cloudflare also send a stale copy without asking: `STALE`, or `UPDATING` while they fetch. */
const HIT = /^((tcp_(mem_)?)?hit|stale|updating)\b/i
