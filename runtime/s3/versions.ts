import type { ObjectInfo } from '../../functions/storage/objects.ts'
import type { Reply } from '../../functions/storage/replies.ts'
import { parseHttpDate, parseSeconds } from '../../functions/wire/dates.ts'
import { type Digest, toDigest } from '../../functions/wire/digest.ts'

/** What HEAD, GET and a listing tell alike of an object. */
export interface Told {
  readonly key: string
  /** Bytes. */
  readonly size: number
  /** When the object was stored: milliseconds since 1970. */
  readonly modified: number | null
  /** As it was written, in quotes or not; null where there was none. */
  readonly etag: string | null
}

/**
 * What tells one content of a key from the next, the same from HEAD, GET and a listing, which has no version ids: ETag,
 * size, and the time in seconds, which is all that HEAD tells. The ETag of an object that came in one piece is its
 * MD5, of one in parts made of theirs, of an encrypted one random: so two contents of one version would have to
 * be of one size, written within one second, and collide in MD5. That takes somebody who may write the object, and who
 * then deceives about an object of his own; it is no accident. A weak ETag tells nothing, and makes no version.
 */
export function toVersion({ size, modified, etag }: Omit<Told, 'key'>): string | null {
  const bare = etag === null ? null : parseEtag(etag)
  return bare === null ? null : `${size}-${modified === null ? '' : Math.floor(modified / 1000)}-${bare}`
}

/** The ETag of a version, as the fields of a condition have it: in quotes, unless a store wants it without. */
export function toEtag(version: string, quote = '"'): string {
  return quote + version.replace(/^\d+-\d*-/, '') + quote
}

/** Without its quotes; null for one that is weak, or none. */
function parseEtag(text: string): string | null {
  return /^("?)([\x21\x23-\x7e]{1,256})\1$/.exec(text)?.[2] ?? null
}

/** The metadata in which rclone, and many others, write down when the content was modified: decimal seconds since 1970. */
export const MODIFIED_FIELD = 'x-amz-meta-mtime'

/** What the fields of a HEAD or GET tell of an object; null where they are not those of one. `size` is of the whole. */
export function toInfo(key: string, size: number | null, { headers }: Reply): ObjectInfo | null {
  const stored = parseHttpDate(headers.get('Last-Modified') ?? '')
  const etag = headers.get('ETag')
  if (size === null || stored === null) return null
  const modified = parseSeconds(headers.get(MODIFIED_FIELD) ?? '') ?? stored
  const version = toVersion({ size, modified: stored, etag })
  return { key, size, modified, version, stored: toStored(headers) }
}

/** `Content-Length` in bytes; null where there is none. */
export function parseLength({ headers }: Reply): number | null {
  const text = headers.get('Content-Length') ?? ''
  return /^\d{1,15}$/.test(text) ? Number(text) : null
}

/** Where vouch says of an object that it writes what its SHA-256 is, in the form of `x-amz-checksum-sha256`. */
export const OWN_CHECKSUM = 'x-amz-meta-vouch-sha256'

/**
 * The SHA-256 that the store keeps of a whole object: one that the store says is of the whole, or one that vouch wrote
 * with the object. A checksum made of those of parts says nothing of the content, and some stores return one without
 * its type and without the number of parts at its end. Metadata alone is not believed: other programs copy it.
 */
function toStored(headers: Reply['headers']): Digest | null {
  const checksum = headers.get('x-amz-checksum-sha256') ?? ''
  const type = headers.get('x-amz-checksum-type')
  const isWhole = type === 'FULL_OBJECT' || (type === null && headers.get(OWN_CHECKSUM) === checksum)
  if (!isWhole || !/^[A-Za-z0-9+/]{43}=$/.test(checksum)) return null
  return toDigest(Uint8Array.from(atob(checksum), (character) => character.charCodeAt(0)))
}
