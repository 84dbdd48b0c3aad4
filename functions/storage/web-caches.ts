import { isInnerList, parseList } from 'structured-headers'

/** The fields of an answer. */
interface Fields {
  get(name: string): string | null
}

/**
 * What the fields of an answer say about a cache that gave it without asking the server: how old it was then, in seconds,
 * or null where they do not say. Undefined where nothing says that a cache did.
 *
 * `Age` (RFC 9111 §5.1) counts only above 0, as Varnish sends 0 with what it has just fetched. `Cache-Status` is of RFC
 * 9211; `X-Cache` is what squid, CloudFront and Fastly send, `X-Cache-Status` what nginx is usually configured to send,
 * `CF-Cache-Status` Cloudflare's; Varnish marks a hit by two numbers in `X-Varnish`.
 */
export function findCachedAge(fields: Fields): number | null | undefined {
  const age = Math.max(
    ...toMembers(fields, 'Age').map((text) => (/^\d{1,15}$/.test(text) ? Number(text) : 0)),
  )
  if (age > 0) return age
  return isHit(fields) ? null : undefined
}

function isHit(fields: Fields): boolean {
  return (
    HIT_FIELDS.some((name) => toMembers(fields, name).some((value) => HIT.test(value))) ||
    toMembers(fields, 'X-Varnish').some((value) => /^\d+ \d+$/.test(value)) ||
    isCacheStatusHit(fields.get('Cache-Status'))
  )
}

/** One member for each server on the way that has sent the field, at least one. */
function toMembers(fields: Fields, name: string): string[] {
  return (fields.get(name) ?? '').split(',').map((text) => text.trim())
}

const HIT_FIELDS = ['X-Cache', 'X-Cache-Status', 'CF-Cache-Status']

/** nginx and Cloudflare also answer without asking when a copy is too old (`STALE`) or is being fetched (`UPDATING`). */
const HIT = /^((tcp_(mem_)?)?hit|stale|updating)\b/i

function isCacheStatusHit(field: string | null): boolean {
  if (field === null) return false
  try {
    return parseList(field).some((item) => !isInnerList(item) && item[1].get('hit') === true)
  } catch {
    return false
  }
}
