import { compareNames } from '../../functions/storage/names.ts'
import type { ObjectInfo, ObjectPage } from '../../functions/storage/objects.ts'
import type { StorageError } from '../../functions/wire/trouble.ts'
import { protocolError } from './failures.ts'
import { toVersion } from './versions.ts'
import { findAll, findText, type XmlElement } from './xml.ts'

/** What a page was asked for. */
export interface PageQuestion {
  readonly prefix: string
  readonly after: string
  readonly limit: number
}

/** The page that `ListObjectsV2` answered with; throws `unreachable` for what is none, or not what was asked for. */
export function toPage(answer: XmlElement | null, question: PageQuestion): ObjectPage {
  const isTruncated = answer && findText(answer, 'IsTruncated')
  if (answer?.name !== 'ListBucketResult' || (isTruncated !== 'true' && isTruncated !== 'false')) {
    throw protocolError('no listing')
  }
  const isEncoded = findText(answer, 'EncodingType') === 'url'
  const objects = findAll(answer, 'Contents').map((element) => toListed(element, isEncoded))
  requireOrder(objects, question)
  const isLast = isTruncated === 'false'
  // One that has more and gives none would be asked for ever.
  if (objects.length > question.limit || (objects.length === 0 && !isLast)) throw protocolError('no listing')
  return { objects, isLast }
}

function toListed(element: XmlElement, isEncoded: boolean): ObjectInfo {
  const text = findText(element, 'Key')
  const key = text !== null && isEncoded ? decode(text) : text
  const size = findText(element, 'Size') ?? ''
  const modified = Date.parse(findText(element, 'LastModified') ?? '')
  if (key === null || !/^\d{1,15}$/.test(size) || Number.isNaN(modified)) {
    throw protocolError('a listing of what is no object')
  }
  // To the second, as HEAD tells it.
  const told = { size: Number(size), modified: Math.floor(modified / 1000) * 1000 }
  const version = toVersion({ ...told, etag: findText(element, 'ETag') })
  return { key, ...told, version, stored: undefined }
}

/** `encoding-type=url` is that of forms, where a blank is a plus. */
function decode(text: string): string | null {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return null
  }
}

/** A listing out of order would hide objects, or never end. */
function requireOrder(objects: readonly ObjectInfo[], { prefix, after }: PageQuestion): void {
  let last = after
  for (const { key } of objects) {
    if (!key.startsWith(prefix)) throw protocolError('a listing of other keys than asked for')
    if (compareNames(key, last) <= 0) throw unordered()
    last = key
  }
}

function unordered(): StorageError {
  return protocolError(
    'a listing that is not in the byte order of its keys, as directory buckets and some other stores give it; it cannot be compared',
  )
}
