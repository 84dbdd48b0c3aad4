import type { Digest } from '../../wire/digest.ts'
import { toHttpDate } from '../../wire/fields/dates.ts'
import { toEtag } from '../../wire/fields/fields.ts'
import { toNamedPath } from '../../wire/fields/routes.ts'
import { escapeXml } from '../../wire/xml/escape.ts'
import { DAV, type Property, type Wanted } from './wanted.ts'

/** Below which path the coordinator serves its files as WebDAV. */
export const BASE = '/dav/'

/** A file, or, its name empty or ending with a slash, a folder, as WebDAV shows it. */
export interface Entry {
  readonly name: string
  /** What a file has beside its name; absent for a folder. */
  readonly file?: {
    /** Bytes; null when no replica says. */
    readonly size: number | null
    /** Milliseconds since 1970, null when no replica says. */
    readonly modified: number | null
    /** Absent where the copies differ, or were not compared. */
    readonly digest?: Digest | undefined
  }
}

/** What a body of 207 begins and ends with (RFC 4918 §13). */
export const OPENING = '<?xml version="1.0" encoding="utf-8"?>\n<D:multistatus xmlns:D="DAV:">\n'
export const CLOSING = '</D:multistatus>\n'

/**
 * The ETag of a file whose copies differ, or were not compared: that of no content. Without one, davfs2 would
 * go on with the content that it has.
 */
const UNSETTLED = '"unsettled"'

/** The properties of an entry as a `response` of a multistatus. */
export function toResponse(entry: Entry, wanted: Wanted): string {
  const known = toProperties(entry)
  const has = ({ namespace, name }: Property) => namespace === DAV && known.has(name)
  const names = Array.isArray(wanted) ? wanted.filter(has).map(({ name }) => name) : [...known.keys()]
  const found = names.map((name) => toElement(name, wanted === 'names' ? '' : (known.get(name) ?? '')))
  const lacking = Array.isArray(wanted) ? wanted.filter((property) => !has(property)) : []
  const href = escapeXml(toNamedPath(BASE, entry.name))
  const stats = [
    ...(found.length > 0 || lacking.length === 0 ? [toPropstat(found, '200 OK')] : []),
    ...(lacking.length > 0 ? [toPropstat(lacking.map(toUnknown), '404 Not Found')] : []),
  ]
  return `<D:response><D:href>${href}</D:href>${stats.join('')}</D:response>\n`
}

/** The XML of each property that the entry has, by its name. */
function toProperties({ file }: Entry): ReadonlyMap<string, string> {
  if (file === undefined) return new Map([['resourcetype', '<D:collection/>']])
  const { size, modified, digest } = file
  return new Map([
    ['resourcetype', ''],
    // A length of 0 would have clients take the file for an empty one without reading it.
    ['getcontentlength', String(size ?? 1)],
    ...(modified === null ? [] : [['getlastmodified', toHttpDate(modified)] as const]),
    ['getetag', escapeXml(digest === undefined ? UNSETTLED : toEtag(digest))],
  ])
}

function toPropstat(properties: readonly string[], status: string): string {
  return `<D:propstat><D:prop>${properties.join('')}</D:prop><D:status>HTTP/1.1 ${status}</D:status></D:propstat>`
}

function toElement(name: string, content: string): string {
  return content === '' ? `<D:${name}/>` : `<D:${name}>${content}</D:${name}>`
}

function toUnknown({ namespace, name }: Property): string {
  if (namespace === DAV) return `<D:${name}/>`
  return namespace === '' ? `<${name}/>` : `<x:${name} xmlns:x="${escapeXml(namespace)}"/>`
}
