import { MAX_WEB_ENTRIES } from '../../../wire/limits.ts'
import { findAttribute, parseXmlItems, type XmlElement } from '../../../wire/xml/parse.ts'
import { decodeBytes, encodeBytes } from '../../byte-names.ts'
import type { WebEntry } from './entries.ts'
import { parseTime } from './json-listing.ts'

/** The entries of nginx's `autoindex_format xml` (ngx_http_autoindex_module); null for other XML. */
export async function parseXmlListing(text: string): Promise<WebEntry[] | null> {
  return await parseXmlItems(text, 'list', MAX_WEB_ENTRIES, toEntry)
}

function toEntry(element: XmlElement): WebEntry | null {
  // A copy, so that a held name does not hold the whole text.
  const name = decodeBytes(encodeBytes(element.text))
  if (element.name === 'directory') return { name, is: 'directory' }
  if (element.name === 'other') return { name, is: 'special' }
  const size = findAttribute(element, 'size') ?? ''
  if (element.name !== 'file' || !/^\d{1,15}$/.test(size)) return null
  const modified = parseTime(findAttribute(element, 'mtime') ?? '')
  return { name, is: 'file', marks: { size: Number(size), modified, etag: '' } }
}
