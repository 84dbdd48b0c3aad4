import { formatNumber } from '../../../wire/text.ts'
import { findAlgorithm, type ListAlgorithm } from '../algorithms.ts'
import { CR, countHex, LF, quote, SPACE, takeLines, toText } from '../list-text.ts'
import type { Reading } from '../reading.ts'

/** The files of a bag by their names, beside a manifest. */
export type Siblings = ReadonlyMap<string, Uint8Array>

/** `manifest-sha256.txt` and `tagmanifest-sha256.txt`. */
const MANIFEST = /^(tag)?manifest-([a-z0-9]+)\.txt$/i

const DECLARATION = 'bagit.txt'
const INFO = 'bag-info.txt'
const FETCH = 'fetch.txt'

/** The files beside a list that decide what it means; none but for a manifest of a bag (RFC 8493). */
export function toSiblingNames(fileName: string): readonly string[] {
  const [whole, tag, algorithm] = MANIFEST.exec(fileName) ?? []
  if (whole === undefined) return []
  const beside = [DECLARATION, INFO, FETCH]
  return tag === undefined ? [...beside, `tagmanifest-${algorithm}.txt`] : beside
}

/** The algorithm of a manifest in a bag; null for any other list. */
export function findBagAlgorithm(fileName: string, siblings: Siblings): ListAlgorithm | null {
  const [, , algorithm = ''] = MANIFEST.exec(fileName) ?? []
  return siblings.has(DECLARATION) ? findAlgorithm(algorithm) : null
}

/** Why the bag cannot be read, as the end of a sentence about it; null when it can. */
export function findBagFault(siblings: Siblings): string | null {
  if (isTooLong(siblings.get(DECLARATION))) return `has a ${DECLARATION} ${TOO_LONG}`
  const fields = toFields(siblings.get(DECLARATION))
  const version = findValue(fields, VERSION)
  const encoding = findValue(fields, 'tag-file-character-encoding')
  if (!/^(?:0\.9[3-7]|1\.0)$/.test(version))
    return `is of BagIt version ${quoteText(version)}; it would have to be 0.93 to 1.0`
  if (!/^utf-8$/i.test(encoding)) return `has the encoding ${quoteText(encoding)}; it would have to be UTF-8`
  return null
}

const VERSION = 'bagit-version'

/** Bytes of a file of labels and values: some screens of text. */
const MAX_FIELDS_BYTES = 64 * 1024
const TOO_LONG = `of more than ${formatNumber(MAX_FIELDS_BYTES)} bytes`

function isTooLong(bytes: Uint8Array | undefined): boolean {
  return bytes !== undefined && bytes.length > MAX_FIELDS_BYTES
}

type Fields = readonly (readonly [label: string, value: string])[]

/** The labels, in lower case, and values of a file of a bag; none of one that is not there, or not UTF-8. */
function toFields(bytes: Uint8Array = new Uint8Array()): Fields {
  return (toText(bytes) ?? '').split(/\r\n|\n|\r/).flatMap((line) => {
    const colon = line.indexOf(':')
    // A line that begins with a blank goes on with the value before it.
    const isField = colon > 0 && !/^\s/.test(line)
    return isField ? [[line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()] as const] : []
  })
}

/** '' without one. */
function findValue(fields: Fields, label: string): string {
  return fields.find(([one]) => one === label)?.[1] ?? ''
}

function quoteText(text: string): string {
  return quote(new TextEncoder().encode(text))
}

interface BagOptions {
  readonly fileName: string
  readonly siblings: Siblings
  /** Whether the caller of vouch said that it is a bag: its writer then is trusted to encode line ends. */
  readonly isStated: boolean
  readonly hash: (algorithm: string, bytes: Uint8Array) => Promise<string | null>
}

/**
 * Reads a manifest of a bag: BagIt 0.93 to 0.97, and 1.0 (RFC 8493 §2.1.3). Blanks and tabs divide sum and
 * name. Of the percent-encodings `%0A` and `%0D` are decoded, and from 1.0 on `%25`, and no others. Before
 * 1.0 a `%0A` may also be three characters of the name, since `%` was not encoded: it is refused unless
 * `isStated`. The number of files is held against `Payload-Oxum`, and the manifest against the tag manifest,
 * if the bag has them.
 */
export async function readBag(reading: Reading, options: BagOptions): Promise<void> {
  const { fileName, siblings, isStated } = options
  const { text, algorithm } = reading
  const { bytes } = text
  const isTags = /^tag/i.test(fileName)
  const is10 = findValue(toFields(siblings.get(DECLARATION)), VERSION) === '1.0'
  let files = 0
  await takeLines(text, (start, end, line) => {
    const length = countHex(bytes, start, end)
    let at = start + length
    while (at < end && isBlank(bytes[at])) at++
    if (!isTags && bytes[at] === STAR) at++
    const is = start === end ? 'is empty' : `is ${quote(bytes.subarray(start, end))}`
    if (length !== 2 * algorithm.width || at === start + length || at >= end)
      return reading.fault(line, `${is}; it would have to be 'SUM NAME'`, true)
    const name = decodePercent(bytes.subarray(at, end), { is10, isStated })
    if (name === null) {
      const why = is10
        ? "with a '%' that BagIt 1.0 writes as '%25'"
        : "with a '%0A' or '%0D' that may be of the name; add ?format=bagit if its writer encodes line ends"
      return reading.fault(line, `${is}, ${why}`)
    }
    if (!isTags && !isPayload(name))
      return reading.fault(line, `${is}; its name would have to begin with 'data/'`)
    files++
    reading.add({
      line,
      name,
      start: 0,
      end: name.length,
      hexAt: start,
      hex: bytes,
      size: null,
      modified: null,
    })
  })
  if (!isTags) checkOxum(reading, siblings, files)
  noteFetched(reading, siblings)
  await checkTagManifest(reading, options)
}

const TAB = 0x09
const STAR = 0x2a
const PERCENT = 0x25

function isBlank(byte: number | undefined): boolean {
  return byte === SPACE || byte === TAB
}

const DATA = /^(?:\.\/)?data\/./s

function isPayload(name: Uint8Array): boolean {
  return DATA.test(String.fromCharCode(...name.subarray(0, 8)))
}

/** Null for a name of which it is not clear what its writer encoded. */
function decodePercent(
  name: Uint8Array,
  { is10, isStated }: { readonly is10: boolean; readonly isStated: boolean },
): Uint8Array | null {
  if (!name.includes(PERCENT)) return name
  const plain = new Uint8Array(name.length)
  let length = 0
  for (let i = 0; i < name.length; i++) {
    const isPercent = name[i] === PERCENT
    const code = isPercent ? String.fromCharCode(name[i + 1] ?? 0, name[i + 2] ?? 0).toUpperCase() : ''
    const decoded = ENCODED.get(code)
    const isEncoded = decoded !== undefined && (is10 || decoded !== PERCENT)
    if (isPercent && (is10 ? !isEncoded : isEncoded && !isStated)) return null
    plain[length++] = isEncoded ? decoded : (name[i] ?? 0)
    if (isEncoded) i += 2
  }
  return plain.subarray(0, length)
}

const ENCODED: ReadonlyMap<string, number> = new Map([
  ['0A', LF],
  ['0D', CR],
  ['25', PERCENT],
])

/** `Payload-Oxum: BYTES.FILES` (RFC 8493 §2.2.2): the manifest lists every file (§2.1.3). */
function checkOxum(reading: Reading, siblings: Siblings, files: number): void {
  const info = siblings.get(INFO)
  const isFaulty = isTooLong(info)
  if (isFaulty) reading.fault(0, `lies beside a ${INFO} ${TOO_LONG}`)
  for (const [label, value] of isFaulty ? [] : toFields(info)) {
    if (label !== 'payload-oxum') continue
    const [, count] = /^\d+\.(\d+)$/.exec(value) ?? []
    if (Number(count) !== files)
      reading.fault(0, `has ${files} files, and the Payload-Oxum of its bag is ${quoteText(value)}`)
  }
}

function noteFetched(reading: Reading, siblings: Siblings): void {
  const text = toText(siblings.get(FETCH) ?? new Uint8Array()) ?? ''
  const count = text.split(/\r\n|\n|\r/).filter((line) => line.trim() !== '').length
  if (count > 0)
    reading.note(
      `its bag does not contain ${count === 1 ? 'a file' : `${count} files`} that fetch.txt says where to get`,
    )
}

/** A manifest that was changed after the bag was made has another sum in the tag manifest. */
async function checkTagManifest(reading: Reading, { fileName, siblings, hash }: BagOptions): Promise<void> {
  const tags = siblings.get(`tag${fileName}`)
  const sum = tags && (await hash(reading.algorithm.id, reading.text.bytes))
  if (tags === undefined || sum == null) return
  for (const line of (toText(tags) ?? '').split(/\r\n|\n|\r/)) {
    const [, said, name] = /^([0-9a-f]+)[ \t]+(?:\.\/)?(.*)$/is.exec(line) ?? []
    if (name === fileName && said?.toLowerCase() !== sum)
      reading.fault(0, `is not the one that tag${fileName} records: it was changed after the bag was made`)
  }
}
