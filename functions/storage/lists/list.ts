import { toDigest } from '../../wire/digest.ts'
import { StorageError } from '../../wire/storage-error.ts'
import { formatNumber } from '../../wire/text.ts'
import { findStated, LIST_ALGORITHMS, type ListAlgorithm, SHA256, toLikely } from './algorithms.ts'
import { findBagAlgorithm, findBagFault, readBag, type Siblings } from './formats/bagit.ts'
import { findHashdeepAlgorithms, isHashdeep, readHashdeep } from './formats/hashdeep.ts'
import { findJsonFormat, readBorgLines, readVouchLines } from './formats/json-lines.ts'
import { findMtreeAlgorithms, isMtree, readMtree } from './formats/mtree.ts'
import type { SumFormat } from './formats/sum-line.ts'
import { countForms, type FormCounts, findNamed, readSumLines } from './formats/sum-lines.ts'
import type { ListFormat, ListOptions } from './list-options.ts'
import { type ListText, NUL, quote, toListText } from './list-text.ts'
import { createReading, type Read, type Reading } from './reading.ts'

/** A file with a list. */
export interface ListFile {
  /** The last part of its path. */
  readonly name: string
  readonly bytes: Uint8Array
  /** The files beside it that `toSiblingNames` names, as far as they exist. */
  readonly siblings?: Siblings | undefined
}

/** A list that was read. */
export interface List extends Read {
  readonly format: ListFormat
  readonly algorithm: ListAlgorithm
  /** As of `ListText`. */
  readonly isMixed: boolean
}

/**
 * Reads a list of sums. All of its lines show its format. Rejects with `unreadable` when it has none that is
 * known, when it may have two, or when its algorithm is not certain; the message says which option
 * decides.
 */
export async function readList(
  { name, bytes, siblings = new Map() }: ListFile,
  options: ListOptions,
): Promise<List> {
  const text = toListText(bytes)
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff))
    throw refuse('the list is in UTF-16, as PowerShell writes it; save it in UTF-8')
  const told = await tell(text, { name, siblings, ...options })
  const reading = createReading(text, told.algorithm, (options.root ?? '').replace(/\/+$/, ''))
  if (!text.isEnded)
    reading.fault(0, 'has no line end after its last line, so that it may be cut off; add one if it is whole')
  await told.read(reading)
  const read = reading.end()
  const { sums, outside, absolute } = read
  if (absolute !== null)
    throw refuse(
      `the list has absolute names, such as ${absolute}; add ?root= and the folder that is the replica's`,
    )
  if (sums.count === 0 && outside > 0)
    throw refuse(`no name of the list lies below the folder '${options.root}' of ?root=`)
  return { ...read, format: told.format, algorithm: told.algorithm, isMixed: text.isMixed }
}

/** The error of a list that is refused as a whole. */
function refuse(message: string): StorageError {
  return new StorageError('unreadable', message)
}

interface Told {
  readonly format: ListFormat
  readonly algorithm: ListAlgorithm
  read(reading: Reading): Promise<void>
}

interface Asked extends ListOptions {
  readonly name: string
  readonly siblings: Siblings
}

async function tell(text: ListText, asked: Asked): Promise<Told> {
  const { name, siblings, format, algorithm } = asked
  const bag = findBagAlgorithm(name, siblings)
  if (format === 'bagit' || (format === undefined && bag !== null)) {
    if (bag === null) throw refuse('a BagIt manifest is a manifest-ALGORITHM.txt beside a bagit.txt')
    const fault = findBagFault(siblings)
    if (fault !== null) throw refuse(`the bag ${fault}`)
    const bagOptions = { fileName: name, siblings, isStated: format === 'bagit', hash }
    return { format: 'bagit', algorithm: bag, read: (reading) => readBag(reading, bagOptions) }
  }
  const isZero = text.mark === NUL
  if (format === 'hashdeep' || (format === undefined && !isZero && isHashdeep(text)))
    return {
      format: 'hashdeep',
      algorithm: choose(await findHashdeepAlgorithms(text), algorithm),
      read: readHashdeep,
    }
  const json = await findJsonFormat(text)
  if (format === 'vouch' || format === 'borg-json' || (format === undefined && !isZero && json !== null)) {
    const told = format === 'vouch' || format === 'borg-json' ? format : (json ?? 'vouch')
    return { format: told, algorithm: SHA256, read: told === 'vouch' ? readVouchLines : readBorgLines }
  }
  if (format === 'mtree' || (format === undefined && !isZero && (await isMtree(text))))
    return { format: 'mtree', algorithm: choose(await findMtreeAlgorithms(text), algorithm), read: readMtree }
  return await tellSums(text, asked)
}

/** The SHA of Web Crypto; null for other algorithms. */
async function hash(id: string, bytes: Uint8Array): Promise<string | null> {
  const name = SUBTLE.get(id)
  if (name === undefined) return null
  return toDigest(await crypto.subtle.digest(name, new Uint8Array(bytes)))
}

const SUBTLE: ReadonlyMap<string, string> = new Map([
  ['sha1', 'SHA-1'],
  ['sha256', 'SHA-256'],
  ['sha512', 'SHA-512'],
])

/** The algorithm asked for, else the strongest that the list has. */
function choose(found: readonly ListAlgorithm[], asked: ListAlgorithm | undefined): ListAlgorithm {
  const chosen = asked === undefined ? found[0] : found.find(({ id }) => id === asked.id)
  if (chosen !== undefined) return chosen
  const wanted = asked?.title ?? LIST_ALGORITHMS.map(({ title }) => title).join(', ')
  throw refuse(`the list has no sums of ${wanted}`)
}

async function tellSums(text: ListText, asked: Asked): Promise<Told> {
  const counts = await countForms(text)
  const format = asked.format ?? tellSumFormat(text, asked.name, counts)
  const isStated = asked.format !== undefined
  // The other formats were told before.
  const sumFormat = format as SumFormat
  const algorithm = tellAlgorithm(counts, sumFormat, asked)
  return {
    format,
    algorithm,
    read: (reading) => readSumLines(reading, { format: sumFormat, isStated, counts }),
  }
}

/** Which of the formats with one sum and one name in a line it is; throws for none, or for two. */
function tellSumFormat(text: ListText, name: string, { forms, marked, alsoSfv }: FormCounts): SumFormat {
  const count = (...names: Parameters<typeof forms.get>[0][]) =>
    names.reduce((sum, name) => sum + (forms.get(name)?.count ?? 0), 0)
  const firstOf = (name: Parameters<typeof forms.get>[0]) => formatNumber(forms.get(name)?.line ?? 0)
  const pairs = count('text', 'binary')
  const singles = count('single')
  if (text.mark === NUL) return 'zero'
  if (alsoSfv > 0 && alsoSfv === pairs + singles) {
    if (count('sfv') > 0 || /\.sfv$/i.test(name)) return 'sfv'
    throw refuse(
      'each line of the list has a sum at both ends; add ?format=sfv if it is the last, else ?format=gnu or bare',
    )
  }
  if (pairs > 0 && singles > 0) {
    const pair = forms.has('text') ? firstOf('text') : firstOf('binary')
    throw refuse(
      `line ${firstOf('single')} of the list has one blank before its name, and line ${pair} two, or a blank and '*'; add ?format=bare if each name follows one blank, else ?format=gnu`,
    )
  }
  if (pairs + count('tag', 'openssl') > 0) return 'sums'
  if (singles > 0 && marked === singles)
    throw refuse(
      "the list looks as one by 'shasum -U', '-0' or '-p', whose sums are not of the bytes but of text with other line ends; write it again without that, or add ?format=bare if the letter after the blank belongs to each name",
    )
  if (singles > 0) return 'bare'
  if (count('key') > 0) return 'annex'
  if (count('sfv') > 0) return 'sfv'
  if (text.lines === 0) return 'sums'
  const { bytes, start } = text
  const end = bytes.indexOf(text.mark, start)
  throw refuse(
    `no line of the list has a sum and a name; its first is ${quote(bytes.subarray(start, end === -1 ? bytes.length : end))}`,
  )
}

/** The algorithm of a list of such lines; throws when nothing tells it. */
function tellAlgorithm(
  { digits, named }: FormCounts,
  format: SumFormat,
  { name, algorithm }: Asked,
): ListAlgorithm {
  if (algorithm !== undefined) return algorithm
  if (format === 'sfv')
    return choose(
      LIST_ALGORITHMS.filter(({ id }) => id === 'crc32'),
      undefined,
    )
  const fitting = findStated(name).filter(({ width }) => digits.has(2 * width))
  const [stated, ...others] = fitting
  if (digits.size > 0 && format !== 'annex') {
    if (stated !== undefined && others.length === 0) return stated
    if (format === 'borg') return SHA256
    throw refuse(toUnstated(digits))
  }
  const found = findNamed(named)
  if (found !== null) return found
  if (named.size === 0) return stated ?? choose(LIST_ALGORITHMS, undefined)
  throw refuse(`the list has sums of ${[...named].join(', ')}, which vouch does not compute`)
}

function toUnstated(digits: ReadonlySet<number>): string {
  const [first = 0] = digits
  const likely = toLikely(first / 2)
  const known = LIST_ALGORITHMS.filter(({ width }) => width === first / 2)
  const advice =
    known.length === 0
      ? 'which vouch does not compute'
      : `so add ${known.map(({ id }) => `?algorithm=${id}`).join(' or ')}, or call the list by it, as 'SHA256SUMS'`
  return `the list does not name its algorithm: sums of ${first} hexadecimal digits may be of ${likely}, ${advice}`
}
