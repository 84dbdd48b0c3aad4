import { parseHttpDate } from '../wire/dates.ts'

/** How old a file must be, by the server's own clock, for its time to tell every later change (RFC 9110 §8.8.2.2). */
const SETTLED_MS = 2000

/** The fields of an answer. */
interface Fields {
  get(name: string): string | null
}

/** What a web server tells of a file. */
export interface Marks {
  /** Bytes. */
  readonly size: number
  /** Milliseconds since 1970, null where it tells no time. */
  readonly modified: number | null
  /** '' where it tells none. */
  readonly etag: string
}

/**
 * What tells this content of a file from any later one; null where nothing does. `fields` are of the answer that told
 * the marks. A strong ETag alone is believed where there is no time. With one, many servers make it of the size and the
 * time in seconds: it tells no two changes of one second apart. A time alone is believed once it is settled (RFC 9110
 * §8.8.2.2), but not beside a weak ETag, by which the server says that the bytes may be others (§8.8.1).
 */
export function toVersion(marks: Marks, fields: Fields): string | null {
  const { size, modified, etag } = marks
  const isStrong = etag.startsWith('"')
  if (etag !== '' && !isStrong) return null
  if (modified === null) return isStrong ? `${size} ${etag}` : null
  if (!isSettled(modified, fields)) return null
  const seconds = Math.floor(modified / 1000)
  return isStrong && etag !== toPlainTag(seconds, size) ? `${size} ${seconds} ${etag}` : `${size} ${seconds}`
}

/** nginx's ETag, which says nothing that size and time do not: a listing tells as much. */
function toPlainTag(seconds: number, size: number): string {
  return `"${seconds.toString(16)}-${size.toString(16)}"`
}

/** Whether a file of that time has been left alone since for long enough, by the clock of the server that answered so. */
export function isSettled(modified: number | null, fields: Fields): boolean {
  const now = parseHttpDate(fields.get('Date') ?? '')
  return modified !== null && now !== null && now - modified >= SETTLED_MS
}
