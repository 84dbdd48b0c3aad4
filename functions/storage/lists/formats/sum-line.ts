import { SUM_WIDTHS } from '../algorithms.ts'
import { BACKSLASH, countHex, hasText, SPACE, STAR, toAscii } from '../list-text.ts'

/**
 * The forms of a line with one sum and one name. `text`: `hex␠␠name`. `binary`: `hex␠*name`. `single`:
 * `hex␠name`, whose name begins with anything. `tag`: `SHA256 (name) = hex`. `openssl`: `SHA2-256(name)=
 * hex`. `sfv`: `name hex`. `key`: a key of git-annex, `SHA256E-s3--hex.txt name`. `comment`: begins with `#`
 * or `;`.
 */
export type Form = 'text' | 'binary' | 'single' | 'tag' | 'openssl' | 'sfv' | 'key' | 'comment' | 'other'

/**
 * Who wrote a list of such lines, which decides what its names mean. `sums`: unknown, so that a line which
 * two writers mean differently is refused. `gnu`: sha256sum, shasum, b3sum, rhash and others. `zero`:
 * `sha256sum --zero`. `bare`: one blank before each name. The others: the programs of that name; `sfv`: cksfv
 * and rhash.
 */
export type SumFormat = 'sums' | 'gnu' | 'zero' | 'openssl' | 'rclone' | 'bare' | 'borg' | 'annex' | 'sfv'

/** What a line says, as places in the bytes of the list. */
export interface SumLine {
  form: Form
  /** Whether the line begins with a backslash: its name is escaped. */
  isEscaped: boolean
  hexAt: number
  hexLength: number
  nameAt: number
  nameEnd: number
  /** The name of the algorithm, where the line has one; else ''. */
  algorithm: string
  /** Bytes, where the line has them. */
  size: number | null
}

/**
 * A line that is read into again and again: one object for each of a million lines costs more than its bytes.
 */
export function createSumLine(): SumLine {
  const none = { hexAt: -1, hexLength: 0, nameAt: 0, nameEnd: 0, algorithm: '', size: null }
  return { form: 'other', isEscaped: false, ...none }
}

const [HASH, SEMICOLON, OPEN, CLOSE] = [0x23, 0x3b, 0x28, 0x29]

/** Reads the line from `start` to `end` into `line`, and returns its form. */
export function readSumLine(bytes: Uint8Array, start: number, end: number, line: SumLine): Form {
  line.isEscaped = bytes[start] === BACKSLASH
  line.algorithm = ''
  line.size = null
  const at = line.isEscaped ? start + 1 : start
  line.form = readHexFirst(bytes, at, end, line)
  if (line.form === 'other') line.form = readHexLast(bytes, at, end, line)
  if (line.form === 'other' && !line.isEscaped) line.form = readOther(bytes, start, end, line)
  return line.form
}

function readHexFirst(bytes: Uint8Array, at: number, end: number, line: SumLine): Form {
  const length = countHex(bytes, at, end)
  const space = at + length
  if (!isSum(length) || bytes[space] !== SPACE || space + 1 >= end) return 'other'
  const second = bytes[space + 1]
  const isPair = space + 2 < end && (second === SPACE || second === STAR)
  line.hexAt = at
  line.hexLength = length
  line.nameAt = space + (isPair ? 2 : 1)
  line.nameEnd = end
  if (isPair) return second === STAR ? 'binary' : 'text'
  // Only `single` leaves it open which characters belong to the name.
  return line.isEscaped ? 'other' : 'single'
}

function isSum(digits: number): boolean {
  return digits % 2 === 0 && SUM_WIDTHS.has(digits / 2)
}

/** The longest name of an algorithm, such as `SHA512/256`, and some more. */
const MAX_ALGORITHM_LENGTH = 16

function readHexLast(bytes: Uint8Array, at: number, end: number, line: SumLine): Form {
  let open = at
  while (open < end && open - at <= MAX_ALGORITHM_LENGTH && isOfAlgorithm(bytes[open] ?? 0)) open++
  if (open === at) return 'other'
  const isTag = bytes[open] === SPACE
  if (bytes[isTag ? open + 1 : open] !== OPEN) return 'other'
  let hexAt = end
  while (hexAt > open && countHex(bytes, hexAt - 1, hexAt) === 1) hexAt--
  const middle = isTag ? ') = ' : ')= '
  const nameAt = open + (isTag ? 2 : 1)
  const nameEnd = hexAt - middle.length
  if (!isSum(end - hexAt) || nameEnd <= nameAt || bytes[nameEnd] !== CLOSE) return 'other'
  if (!hasText(bytes, nameEnd, middle)) return 'other'
  line.hexAt = hexAt
  line.hexLength = end - hexAt
  line.nameAt = nameAt
  line.nameEnd = nameEnd
  line.algorithm = toAscii(bytes, at, open)
  return isTag ? 'tag' : 'openssl'
}

/** A letter, a digit, `-` or `/`. */
function isOfAlgorithm(byte: number): boolean {
  const letter = byte | 0x20
  return (letter >= 0x61 && letter <= 0x7a) || (byte >= 0x2d && byte <= 0x39 && byte !== 0x2e)
}

export const SFV_DIGITS = 8

function readOther(bytes: Uint8Array, start: number, end: number, line: SumLine): Form {
  if (readKey(bytes, start, end, line)) return 'key'
  if (bytes[start] === HASH || bytes[start] === SEMICOLON) return 'comment'
  return readSfv(bytes, start, end, line) ? 'sfv' : 'other'
}

/** Whether a line has the form `sfv`, which it may have beside another, as `deadbeef 01234567` has. */
export function readSfv(bytes: Uint8Array, start: number, end: number, line: SumLine): boolean {
  const hexAt = end - SFV_DIGITS
  if (hexAt - 1 <= start || bytes[hexAt - 1] !== SPACE) return false
  if (countHex(bytes, hexAt, end) !== SFV_DIGITS) return false
  line.hexAt = hexAt
  line.hexLength = SFV_DIGITS
  line.nameAt = start
  line.nameEnd = hexAt - 1
  return true
}

/** As git-annex makes keys of backends that hash; others, such as WORM, have no sum. */
const KEY = /^([A-Z0-9_]+?)E?-(?:s(\d{1,15}))?(?:-m\d+)?--([0-9a-f]+)(?:\.[A-Za-z0-9_.-]*)? /

/** Characters of a key that are searched: the longest sum and a long extension. */
const MAX_KEY_LENGTH = 512

function readKey(bytes: Uint8Array, start: number, end: number, line: SumLine): boolean {
  if (!isOfAlgorithm(bytes[start] ?? 0)) return false
  const found = KEY.exec(toAscii(bytes, start, Math.min(end, start + MAX_KEY_LENGTH)))
  const [whole = '', algorithm = '', size, hex = ''] = found ?? []
  if (found === null || start + whole.length >= end || !isSum(hex.length)) return false
  line.hexAt = start + whole.indexOf(`--${hex}`) + 2
  line.hexLength = hex.length
  line.nameAt = start + whole.length
  line.nameEnd = end
  line.algorithm = algorithm
  line.size = size === undefined ? null : Number(size)
  return true
}
