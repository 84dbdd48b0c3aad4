import { parseHttpDate } from '../../../wire/fields/dates.ts'
import { MAX_WEB_ENTRIES } from '../../../wire/limits.ts'
import { findAll, findOnly, findText, parseXmlItems, type XmlElement } from '../../../wire/xml/parse.ts'
import { decodeBytes, encodeBytes } from '../../byte-names.ts'
import type { WebEntry } from './entries.ts'
import { follow, type PageAddress, toPageAddress } from './links.ts'

/** The body of a PROPFIND (RFC 4918 §9.1) that asks for what distinguishes files. */
export const WANTED_PROPERTIES =
  '<?xml version="1.0" encoding="utf-8"?><propfind xmlns="DAV:"><prop>' +
  '<resourcetype/><getcontentlength/><getlastmodified/><getetag/></prop></propfind>'

/** A response of a multistatus: the directory itself, or an entry. */
type Member = { readonly isSelf: true } | ({ readonly isSelf: false } & WebEntry)

/**
 * The entries of a multistatus (RFC 4918 §13) about the directory at `url` and what is in it. Null for other
 * XML, and for one that does not have the directory itself, or that has anything which is not in it.
 */
export async function parseDavListing(text: string, url: string): Promise<WebEntry[] | null> {
  const page = toPageAddress(url)
  const members = await parseXmlItems(text, 'multistatus', MAX_WEB_ENTRIES, (element) =>
    toMember(element, page),
  )
  if (members === null || !members.some(({ isSelf }) => isSelf)) return null
  return members.flatMap((member) => (member.isSelf ? [] : [member]))
}

/** What a multistatus about one resource alone says of it, without a name; null for any other XML. */
export async function parseDavResource(text: string): Promise<Omit<WebEntry, 'name'> | null> {
  const entries = await parseXmlItems(text, 'multistatus', 1, (element) =>
    element.name === 'response' ? toEntry('', findProperties(element)) : null,
  )
  return entries?.[0] ?? null
}

function toMember(element: XmlElement, page: PageAddress): Member | null {
  const href = findText(element, 'href')?.trim()
  if (element.name !== 'response' || href === undefined) return null
  const { hostname } = page
  // A server behind a proxy may write an address of its own, but the path is that which was asked for.
  const target = follow(href.replace(/^https?:\/\/[^/]*/i, `http://${hostname}`), page)
  const properties = findProperties(element)
  // civetweb describes the index page of a directory in its place, and has nothing of what is in it.
  if (target === 'here') return isCollection(properties) ? { isSelf: true } : null
  if (target === null || typeof target === 'string' || target.hasQuery) return null
  return { isSelf: false, ...toEntry(target.name, properties) }
}

/** The properties that the server has of a resource; null when it has none, as of one that it cannot read. */
function findProperties(response: XmlElement): XmlElement | null {
  const found = findAll(response, 'propstat').filter((one) =>
    /^HTTP\/[\d.]+ 200\b/.test(findText(one, 'status') ?? ''),
  )
  const [first] = found
  return first === undefined || found.length > 1 ? null : findOnly(first, 'prop')
}

function isCollection(properties: XmlElement | null): boolean {
  const type = properties && findOnly(properties, 'resourcetype')
  return type !== null && findAll(type, 'collection').length > 0
}

function toEntry(name: string, properties: XmlElement | null): WebEntry {
  if (isCollection(properties)) return { name, is: 'directory' }
  if (properties === null || findOnly(properties, 'resourcetype') === null) return { name, is: 'unknown' }
  const length = findText(properties, 'getcontentlength') ?? ''
  if (!/^\d{1,15}$/.test(length)) return { name, is: 'unknown' }
  const modified = parseHttpDate(findText(properties, 'getlastmodified') ?? '')
  // A copy, so that a held tag does not hold the whole text.
  const etag = decodeBytes(encodeBytes(findText(properties, 'getetag') ?? ''))
  return { name, is: 'file', marks: { size: Number(length), modified, etag } }
}
