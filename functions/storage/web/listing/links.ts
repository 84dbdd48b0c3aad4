import { decodeBytes, encodeBytes } from '../../byte-names.ts'

/** The address of a directory's page. */
export interface PageAddress {
  readonly hostname: string
  /** The decoded segments of its path, which ends in a slash. */
  readonly segments: readonly string[]
}

/** What a link names directly below its page. */
export interface Entry {
  /** One decoded segment. */
  readonly name: string
  /** Whether the path ends in a slash. */
  readonly isDirectory: boolean
  /** Whether a query or a fragment follows the path. */
  readonly hasQuery: boolean
}

/** Where a link of a directory's page leads. */
export type Target =
  | Entry
  /** To the directory itself, perhaps in another order. */
  | 'here'
  /** To what may be another part of the same listing, by its query. */
  | 'more'
  /** To one above it. */
  | 'above'
  /** To what may be an entry of this directory on a host or a path of another name. */
  | 'elsewhere'
  /** To something else. */
  | null

/** Parses the address of a page, which ends in a slash. */
export function toPageAddress(url: string): PageAddress {
  const { hostname, pathname } = new URL(url)
  return { hostname, segments: pathname.split('/').slice(1, -1).map(decodePercent) }
}

/**
 * Follows a link, whose entities are decoded, as far as it can be an entry of the page's directory. Unlike a
 * browser it keeps backslashes and blanks: servers that do not encode them mean them.
 */
export function follow(href: string, page: PageAddress): Target {
  const [, scheme = '', rest = ''] = /^(?:([a-z][a-z\d+.-]*):)?(.*)$/is.exec(href) ?? []
  if (NO_PATHS.test(scheme)) return null
  // A server that does not encode a colon may begin a name so.
  if (!rest.startsWith('//')) return followPath(href, page)
  if (!/^(https?)?$/i.test(scheme)) return null
  const [, authority = '', path = ''] = /^\/\/([^/?#]*)(.*)$/s.exec(rest) ?? []
  const target = followPath(path.startsWith('/') ? path : `/${path}`, page)
  if (toHostname(authority) === page.hostname) return target
  return target !== null && typeof target === 'object' ? 'elsewhere' : null
}

/** Schemes of links that pages of listings have, and that lead to no path. */
const NO_PATHS = /^(mailto|javascript|data|tel|about)$/i

/** A parameter by which a whole listing is sorted: of Apache and many, rclone and Caddy, or civetweb. */
const SORT = /^(([CFOPV]|sort|order|by)=.*|[dns][ad]?)?$/s

/** Whether a query and a fragment lead to the same listing, at most in another order. */
function isWhole(tail: string): boolean {
  const query = tail.replace(/#.*$/s, '').slice(1)
  return query.split(/[&;]/).every((one) => SORT.test(one))
}

function toHostname(authority: string): string {
  return authority.replace(/^.*@/, '').replace(/:\d*$/, '').toLowerCase()
}

/** Follows a path, and perhaps a query and a fragment, on the same host. */
function followPath(text: string, { segments }: PageAddress): Target {
  const [, path = '', tail = ''] = /^([^?#]*)(.*)$/s.exec(text) ?? []
  const here = isWhole(tail) ? 'here' : 'more'
  if (path === '') return here
  const parts = path.split('/')
  const last = parts.at(-1)
  const isDirectory = last === '' || last === '.' || last === '..'
  const reached: string[] = path.startsWith('/') ? [] : [...segments]
  for (const [i, part] of parts.entries()) {
    if (part === '..') reached.pop()
    else if (part === '' && i > 0 && i < parts.length - 1) return null
    else if (part !== '' && part !== '.') reached.push(decodePercent(part))
  }
  const shared = reached.slice(0, segments.length)
  if (shared.some((segment, i) => segment !== segments[i])) return 'elsewhere'
  if (reached.length <= segments.length) return reached.length < segments.length ? 'above' : here
  const [name = '', ...deeper] = reached.slice(segments.length)
  return deeper.length > 0 ? null : { name, isDirectory, hasQuery: tail !== '' }
}

/** Decodes `%` and two hexadecimal digits, to text as by `decodeBytes`; leaves any other `%`. */
export function decodePercent(text: string): string {
  const bytes = encodeBytes(text)
  let length = 0
  for (let at = 0; at < bytes.length; at++) {
    const digits = bytes[at] === PERCENT ? String.fromCharCode(...bytes.subarray(at + 1, at + 3)) : ''
    const isEncoded = /^[\da-f]{2}$/i.test(digits)
    bytes[length++] = isEncoded ? Number.parseInt(digits, 16) : (bytes[at] ?? 0)
    if (isEncoded) at += 2
  }
  return decodeBytes(bytes.subarray(0, length))
}

const PERCENT = 0x25
