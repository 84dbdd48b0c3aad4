import { basename, resolve } from 'node:path'
import { LIST_ALGORITHMS, parseAlgorithm } from '../../../functions/storage/lists/algorithms.ts'
import { LIST_FORMATS, type ListOptions } from '../../../functions/storage/lists/list-options.ts'
import type { ListRecord } from '../../../functions/storage/lists/list-record.ts'
import type { ListSource } from '../../../functions/storage/lists/list-storage.ts'
import { toStorePlaces } from '../../../functions/storage/overlap.ts'
import { attempt } from '../../../functions/wire/attempt.ts'
import { toTimestamp } from '../../../functions/wire/fields/dates.ts'
import { formatCount } from '../../../functions/wire/text.ts'
import { parseHttpUrl } from '../../s3/place.ts'
import type { Scheme, SchemeHost } from './scheme.ts'

const FORMATS = LIST_FORMATS.join(', ')
const ALGORITHMS = LIST_ALGORITHMS.map(({ id }) => id).join(', ')

/** A list of sums, in a file or on a web server. */
export const manifest: Scheme = {
  names: ['manifest', 'manifest+http', 'manifest+https'],
  form: 'manifest:PATH or manifest+URL of a list of sums',
  rule: `manifest: and the path of a list of sums, or manifest+ and its URL, with ?format= (${FORMATS}), &algorithm= (${ALGORITHMS}) and &root= where it does not tell by itself`,
  begins: 'manifest:',
  isValid: (address) => parseAddress(address) !== null,
  resolve(address, directory) {
    const { place, query, isUrl } = requireAddress(address)
    return isUrl ? address : `manifest:${resolve(directory, place)}${query}`
  },
  format(address) {
    const { place, isUrl } = requireAddress(address)
    return `manifest${isUrl ? '+' : ':'}${place}`
  },
  async open(address, host) {
    const { createListStorage } = await import('../../../functions/storage/lists/list-storage.ts')
    const { toRecordNotes } = await import('../../../functions/storage/lists/list-record.ts')
    const { createDescribeSums } = await import('../../../functions/storage/sums.ts')
    const { createHasher } = await import('../../node/hasher.ts')
    const { createSum } = await import('./sums.ts')
    const { place, isUrl, options } = requireAddress(address)
    const source = await openSource(place, isUrl, host)
    const onRead = (record: ListRecord) => {
      for (const line of [toTitle(basename(place), record), ...toRecordNotes(record)]) host.onNotice(line)
    }
    const describeSums = createDescribeSums({ createHasher, createSum })
    const storage = createListStorage(source, { ...options, onRead })
    return {
      storage,
      places: toStorePlaces(`list ${place}`, options.root ?? ''),
      beside: (storages) => storage.beside({ storages, describeSums }),
      close() {},
    }
  },
}

async function openSource(place: string, isUrl: boolean, host: SchemeHost): Promise<ListSource> {
  if (!isUrl) return (await import('../../node/lists/file-list-source.ts')).createFileListSource(place)
  const { createWebListSource } = await import('../../../functions/storage/lists/web-list-source.ts')
  const { createSend } = await import('../../node/http/http-client.ts')
  return createWebListSource(place, { fetch: createSend(host) })
}

/** `SHA256SUMS records the SHA-256 of 1,234 names, at 2014-05-01T12:00:00.000Z`. */
function toTitle(name: string, { algorithm, names, modified }: ListRecord): string {
  const when = modified === null ? '' : `, at ${toTimestamp(modified)}`
  return `${name} records the ${algorithm.title} of ${formatCount(names, 'name', 'names')}${when}`
}

interface Address {
  /** A path, or a URL. */
  readonly place: string
  readonly isUrl: boolean
  /** With its question mark; '' for none. */
  readonly query: string
  readonly options: ListOptions
}

function requireAddress(address: string): Address {
  const parsed = parseAddress(address)
  if (parsed === null) throw new Error('the address of a list is not valid')
  return parsed
}

function parseAddress(address: string): Address | null {
  const [, plus, rest = '', query = ''] =
    /^manifest(\+(?=https?:)|:)([^?#]+)(\?[^#]*)?$/is.exec(address) ?? []
  const options = parseOptions(query)
  const isUrl = plus === '+'
  const place = isUrl ? parseListUrl(rest) : rest
  return plus === undefined || options === null || place === null ? null : { place, isUrl, query, options }
}

/** Null also for a URL whose last part, the name of the list, encodes no text. */
function parseListUrl(text: string): string | null {
  const url = parseHttpUrl(text)
  const name = url?.slice(url.lastIndexOf('/') + 1) ?? ''
  return attempt(() => decodeURIComponent(name)) === null ? null : url
}

/** Null for an unknown option, or one that is not valid. */
function parseOptions(query: string): ListOptions | null {
  const given = new URLSearchParams(query)
  if ([...given.keys()].some((key) => !['format', 'algorithm', 'root'].includes(key))) return null
  const format = LIST_FORMATS.find((one) => one === given.get('format'))
  const algorithm = parseAlgorithm(given.get('algorithm') ?? '') ?? undefined
  if (given.has('format') && format === undefined) return null
  if (given.has('algorithm') && algorithm === undefined) return null
  return { format, algorithm, root: given.get('root') ?? undefined }
}
