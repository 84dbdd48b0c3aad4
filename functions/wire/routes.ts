import type { Digest } from './digest.ts'

const FILES = '/files/'

/** The path of a file's resource, each segment percent-encoded. `name` is one that `parseName` has let pass. */
export function toFilePath(name: string): string {
  return toNamedPath(FILES, name)
}

/** The same below another `base`, which ends with a slash. */
export function toNamedPath(base: string, name: string): string {
  // A percent sign is itself encoded, so `%2F` can only be a slash of the name, which separates and stays.
  return base + encodeURIComponent(name).replaceAll('%2F', '/')
}

/** The name that a request's URL asks for below `/files/`; see `parseNamedPath`. */
export function parseFilePath(url: string): string | null {
  return parseNamedPath(FILES, url)
}

/**
 * The name that a request's URL, or its path alone, asks for: what follows `base` at the start of the path, decoded;
 * query and fragment left out. It may be empty or otherwise no name: `parseName` decides that. Null when the path is
 * another, its percent-encoding is broken or not UTF-8, or a slash is encoded, which must not become a separator.
 */
export function parseNamedPath(base: string, url: string): string | null {
  const path = cutPath(url)
  if (!path.startsWith(base)) return null
  const encoded = path.slice(base.length)
  if (!encoded.includes('%')) return encoded
  return /%2f/i.test(encoded) ? null : decode(encoded)
}

/** The path as it was sent; `new URL` costs several times as much, and this is done on every request. */
function cutPath(url: string): string {
  const end = url.search(/[?#]/)
  const whole = end < 0 ? url : url.slice(0, end)
  if (whole.startsWith('/')) return whole
  const path = whole.indexOf('/', whole.indexOf('://') + 3)
  return path < 0 ? '' : whole.slice(path)
}

function decode(encoded: string): string | null {
  try {
    return decodeURIComponent(encoded)
  } catch {
    return null
  }
}

/** Path and query of a full address, as they stand there. */
export function toTarget(url: string): string {
  return url.slice(url.indexOf('/', url.indexOf('//') + 2))
}

/** Where the coordinator serves one version of a name. */
export function toVersionHref(name: string, digest: Digest): string {
  return `${toFilePath(name)}?version=${digest}`
}
