import type { ObjectInfo } from '../../functions/storage/objects/objects.ts'
import type { Reply } from '../../functions/storage/remote/replies.ts'
import { type Digest, toDigest } from '../../functions/wire/digest.ts'
import { parseHttpDate, parseSeconds } from '../../functions/wire/fields/dates.ts'

/** The properties of an object in HEAD, GET and a listing alike. */
interface Told {
  /** Bytes. */
  readonly size: number
  /** When the object was stored: milliseconds since 1970. */
  readonly modified: number | null
  /** As the store sent it, with or without quotes; null without one. */
  readonly etag: string | null
}

/**
 * The version of a content, the same from HEAD, GET and a listing, which has no version ids: ETag, size, and
 * the time in seconds, to which HEAD rounds it. The ETag is the MD5 of an object uploaded at once, one made
 * of the MD5s of its parts, or random for an encrypted object. Two contents with one version must have one
 * size, be written within one second, and collide in MD5, which only a writer can arrange, and never happens
 * by accident. A weak ETag makes no version.
 */
export function toVersion({ size, modified, etag }: Told): string | null {
  const bare = etag === null ? null : parseEtag(etag)
  return bare === null ? null : `${size}-${modified === null ? '' : Math.floor(modified / 1000)}-${bare}`
}

/** The ETag of a version for a condition: in quotes, unless the store requires it without. */
export function toEtag(version: string, quote = '"'): string {
  return quote + version.replace(/^\d+-\d*-/, '') + quote
}

/** An ETag without its quotes; null for a weak or missing one. */
function parseEtag(text: string): string | null {
  return /^("?)([\x21\x23-\x7e]{1,256})\1$/.exec(text)?.[2] ?? null
}

/** The metadata in which rclone and others store the time of the content: decimal seconds since 1970. */
export const MODIFIED_FIELD = 'x-amz-meta-mtime'

/** The object of a HEAD or GET, whose whole size is `size`; null when the fields are not of an object. */
export function toInfo(key: string, size: number | null, { headers }: Reply): ObjectInfo | null {
  const stored = parseHttpDate(headers.get('Last-Modified') ?? '')
  const etag = headers.get('ETag')
  if (size === null || stored === null) return null
  const modified = parseSeconds(headers.get(MODIFIED_FIELD) ?? '') ?? stored
  const version = toVersion({ size, modified: stored, etag })
  return { key, size, modified, version, stored: toStored(headers) }
}

/** The metadata with the SHA-256 of an object that vouch wrote, in the form of `x-amz-checksum-sha256`. */
export const OWN_CHECKSUM = 'x-amz-meta-vouch-sha256'

/**
 * The store's SHA-256 of a whole object: one that the store declares to be of the whole object, or one that
 * vouch wrote with it. A checksum of the checksums of parts is not one of the content, and some stores return
 * it without its type and the number of parts at its end. Metadata alone is not believed: other programs copy
 * it.
 */
function toStored(headers: Reply['headers']): Digest | null {
  const checksum = headers.get('x-amz-checksum-sha256') ?? ''
  const type = headers.get('x-amz-checksum-type')
  const isWhole = type === 'FULL_OBJECT' || (type === null && headers.get(OWN_CHECKSUM) === checksum)
  if (!isWhole || !/^[A-Za-z0-9+/]{43}=$/.test(checksum)) return null
  return toDigest(Uint8Array.from(atob(checksum), (character) => character.charCodeAt(0)))
}
