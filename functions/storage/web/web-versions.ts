import { parseHttpDate } from '../../wire/fields/dates.ts'
import type { ObjectInfo } from '../objects/objects.ts'
import type { Reply } from '../remote/replies.ts'

/** How old a file must be, by the server's clock, for its time to show later changes (RFC 9110 §8.8.2.2). */
const SETTLED_MS = 2000

type Fields = Reply['headers']

/** What distinguishes the contents of a file. */
export interface Marks extends Pick<ObjectInfo, 'size' | 'modified'> {
  /** '' where the server sends none. */
  readonly etag: string
}

/**
 * A version that differs for every later content of a file, by `fields` of the answer with its marks; null
 * where no mark does. A strong ETag alone is believed where there is no time. With a time, many servers make
 * the ETag of it, in seconds, and the size, so that two changes of one second share it. A time alone is
 * believed once settled (RFC 9110 §8.8.2.2), but not with a weak ETag: the bytes may differ (§8.8.1).
 */
export function toVersion({ size, modified, etag }: Marks, fields: Fields): string | null {
  const isStrong = etag.startsWith('"')
  if (etag !== '' && !isStrong) return null
  if (modified === null) return isStrong ? `${size} ${etag}` : null
  if (!isSettled(modified, fields)) return null
  const seconds = Math.floor(modified / 1000)
  // nginx's ETag, which contains only the time and the size, both of which a listing has too.
  const plain = `"${seconds.toString(16)}-${size.toString(16)}"`
  return isStrong && etag !== plain ? `${size} ${seconds} ${etag}` : `${size} ${seconds}`
}

/**
 * Whether two versions of one file may be the same. An ETag that only one of them has says nothing: an answer
 * to HEAD may lack what a server makes of the content (RFC 9110 §9.3.2).
 */
export function isSameVersion(one: string | null, other: string | null): boolean {
  if (one === null || other === null || one === other) return one === other
  const [short, long] = one.length < other.length ? [one, other] : [other, one]
  return /^\d+ \d+$/.test(short) && long.startsWith(`${short} "`)
}

/** Whether a file of that time was unchanged for long enough, by the clock of the server. */
export function isSettled(modified: number | null, fields: Fields): boolean {
  const now = parseHttpDate(fields.get('Date') ?? '')
  return modified !== null && now !== null && now - modified >= SETTLED_MS
}
