import { attempt } from '../attempt.ts'
import type { Digest } from '../digest.ts'

const FILES = '/files/'

/** The path of a file's resource, each segment percent-encoded. `name` is valid by `parseName`. */
export function toFilePath(name: string): string {
  return toNamedPath(FILES, name)
}

/** The same below another `base`, which ends with a slash. */
export function toNamedPath(base: string, name: string): string {
  // A percent sign is itself encoded, so `%2F` can only be a slash of the name, which separates and stays.
  return base + encodeURIComponent(name).replaceAll('%2F', '/')
}

/** The name in a request's URL below `/files/`; see `parseNamedPath`. */
export function parseFilePath(url: string): string | null {
  return parseNamedPath(FILES, url)
}

/**
 * The name in a request's URL, or in its path alone: what follows `base`, decoded, without query and
 * fragment; empty or not valid, perhaps, which `parseName` decides. Null when the path does not begin with
 * `base`, is not percent-encoded UTF-8, or has an encoded slash, which must not become a separator.
 */
export function parseNamedPath(base: string, url: string): string | null {
  const path = cutPath(url)
  if (!path.startsWith(base)) return null
  const encoded = path.slice(base.length)
  if (!encoded.includes('%')) return encoded
  return /%2f/i.test(encoded) ? null : attempt(() => decodeURIComponent(encoded))
}

/** The path as sent. `new URL` costs several times as much, and this runs for every request. */
function cutPath(url: string): string {
  const end = url.search(/[?#]/)
  const whole = end < 0 ? url : url.slice(0, end)
  if (whole.startsWith('/')) return whole
  const path = whole.indexOf('/', whole.indexOf('://') + 3)
  return path < 0 ? '' : whole.slice(path)
}

/** The path and query of an absolute URL, as written. */
export function toTarget(url: string): string {
  return url.slice(url.indexOf('/', url.indexOf('//') + 2))
}

/** Where the coordinator serves one version of a name. */
export function toVersionHref(name: string, digest: Digest): string {
  return `${toFilePath(name)}?version=${digest}`
}
