import { compareNames } from '../../functions/storage/names.ts'
import type { ObjectInfo, ObjectPage } from '../../functions/storage/objects/objects.ts'
import { attempt } from '../../functions/wire/attempt.ts'
import { findAll, findText, type XmlElement } from '../../functions/wire/xml/parse.ts'
import { protocolError } from './failures.ts'
import { toVersion } from './versions.ts'

interface PageQuestion {
  readonly prefix: string
  readonly after: string
  readonly limit: number
}

/** The page of `ListObjectsV2`; throws `unreachable` for an invalid page, or one that was not asked for. */
export function toPage(answer: XmlElement | null, question: PageQuestion): ObjectPage {
  const isTruncated = answer && findText(answer, 'IsTruncated')
  if (answer?.name !== 'ListBucketResult' || (isTruncated !== 'true' && isTruncated !== 'false')) {
    throw protocolError('an invalid listing')
  }
  const isEncoded = findText(answer, 'EncodingType') === 'url'
  const objects = findAll(answer, 'Contents').map((element) => toListed(element, isEncoded))
  requireOrder(objects, question)
  const isLast = isTruncated === 'false'
  // An empty page that is not the last would be asked for without end.
  if (objects.length > question.limit || (objects.length === 0 && !isLast))
    throw protocolError('an invalid listing')
  return { objects, isLast }
}

function toListed(element: XmlElement, isEncoded: boolean): ObjectInfo {
  const text = findText(element, 'Key')
  // `encoding-type=url` encodes as forms do, where a blank is a plus.
  const key = text !== null && isEncoded ? attempt(() => decodeURIComponent(text.replaceAll('+', ' '))) : text
  const size = findText(element, 'Size') ?? ''
  const modified = Date.parse(findText(element, 'LastModified') ?? '')
  if (key === null || !/^\d{1,15}$/.test(size) || Number.isNaN(modified)) {
    throw protocolError('an invalid entry of a listing')
  }
  // To the second, as HEAD returns it.
  const listed = { size: Number(size), modified: Math.floor(modified / 1000) * 1000 }
  const version = toVersion({ ...listed, etag: findText(element, 'ETag') })
  return { key, ...listed, version, stored: undefined }
}

/** Throws for a listing out of order, which would hide objects or never end. */
function requireOrder(objects: readonly ObjectInfo[], { prefix, after }: PageQuestion): void {
  let last = after
  for (const { key } of objects) {
    if (!key.startsWith(prefix)) throw protocolError('a listing of other keys than asked for')
    if (compareNames(key, last) <= 0) throw protocolError(UNORDERED)
    last = key
  }
}

const UNORDERED =
  'a listing that is not in the byte order of its keys, as directory buckets and some other stores return it, so it cannot be compared'
