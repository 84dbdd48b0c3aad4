import { LIST_ALGORITHMS, type ListAlgorithm, findAlgorithm } from '../algorithms.ts'
import { BACKSLASH, CR, countHex, LF, type ListText, quote, SPACE, takeLines } from '../list-text.ts'
import type { Reading } from '../reading.ts'
import type { NewEntry } from '../sums.ts'
import { createSumLine, type Form, readSfv, readSumLine, SFV_DIGITS, type SumLine } from './sum-line.ts'
import { createRcloneNames, hasRcloneSymbol } from './rclone-names.ts'
import { checkSfvComment } from './sfv.ts'

/**
 * Who wrote a list of such lines, which decides what its names mean. `sums`: unknown, so that a line which two
 * writers mean differently is refused. `gnu`: sha256sum, shasum, b3sum, rhash and others. `zero`: `sha256sum
 * --zero`. `bare`: one blank before each name. The others: the programs of that name; `sfv`: cksfv and rhash.
 */
export type SumFormat = 'sums' | 'gnu' | 'zero' | 'openssl' | 'rclone' | 'bare' | 'borg' | 'annex' | 'sfv'

/** The forms of each format, and what a line would have to be. */
const RULES: Readonly<Record<SumFormat, { readonly forms: ReadonlySet<Form>; readonly rule: string }>> = {
  sums: { forms: new Set(['text', 'binary', 'tag', 'openssl']), rule: "'SUM  NAME' or 'ALGORITHM (NAME) = SUM'" },
  gnu: { forms: new Set(['text', 'binary', 'tag']), rule: "'SUM  NAME', 'SUM *NAME' or 'ALGORITHM (NAME) = SUM'" },
  zero: { forms: new Set(['text', 'binary', 'tag']), rule: "'SUM  NAME' or 'ALGORITHM (NAME) = SUM', and a NUL" },
  openssl: { forms: new Set(['binary', 'openssl']), rule: "'SUM *NAME' or 'ALGORITHM(NAME)= SUM'" },
  rclone: { forms: new Set(['text']), rule: "'SUM  NAME'" },
  bare: { forms: new Set(['single', 'text', 'binary']), rule: "'SUM NAME'" },
  borg: { forms: new Set(['single', 'text', 'binary']), rule: "'SUM PATH'" },
  annex: { forms: new Set(['key']), rule: "'SHA256E-sSIZE--SUM.EXTENSION NAME'" },
  sfv: { forms: new Set(['sfv']), rule: "'NAME CRC32'" },
}

/** The lines of a list by their form. */
export interface FormCounts {
  /** The number of lines of each form, and the first of them. */
  readonly forms: ReadonlyMap<Form, { readonly count: number; readonly line: number }>
  /** The number of `single` lines whose name begins as `shasum -U`, `-0` and `-p` mark a sum of other bytes. */
  readonly marked: number
  /** The number of lines that begin with a sum and also have the form `sfv`. */
  readonly alsoSfv: number
  /** The digits of sums in lines that do not name their algorithm. */
  readonly digits: ReadonlySet<number>
  /** The algorithms that lines name. */
  readonly named: ReadonlySet<string>
  /** Whether lines have a form that rclone does not write. */
  readonly isNotRclone: boolean
}

/** Counts the forms of all lines: one line alone does not tell the format. */
export async function countForms(text: ListText): Promise<FormCounts> {
  const forms = new Map<Form, { count: number; line: number }>()
  const digits = new Set<number>()
  const named = new Set<string>()
  let [marked, alsoSfv, isNotRclone] = [0, 0, false]
  const line = createSumLine()
  await takeLines(text, (start, end, nth) => {
    const form = readSumLine(text.bytes, start, end, line)
    const counted = forms.get(form)
    if (counted === undefined) forms.set(form, { count: 1, line: nth })
    else counted.count++
    if (line.algorithm !== '' && form !== 'other') named.add(line.algorithm)
    if (form === 'single' && MARKS.has(text.bytes[line.nameAt] ?? 0)) marked++
    if (isHexFirst(form)) {
      digits.add(line.hexLength)
      if (line.hexLength === SFV_DIGITS && readSfv(text.bytes, start, end, line)) alsoSfv++
    }
    isNotRclone ||= line.isEscaped || (form !== 'text' && form !== 'other')
  })
  return { forms, marked, alsoSfv, digits, named, isNotRclone }
}

/** `U`, `^` and `?`. */
const MARKS: ReadonlySet<number> = new Set([0x55, 0x5e, 0x3f])

function isHexFirst(form: Form): boolean {
  return form === 'text' || form === 'binary' || form === 'single'
}

interface SumLinesOptions {
  readonly format: SumFormat
  /** Whether the caller of vouch named the format: then the lines mean what its program means. */
  readonly isStated: boolean
  readonly counts: FormCounts
}

/** Reads a list with a sum and a name in each line. */
export async function readSumLines(reading: Reading, options: SumLinesOptions): Promise<void> {
  const { text, algorithm } = reading
  const { format } = options
  const { forms, rule } = RULES[format]
  const line = createSumLine()
  const toNewName = createNames(text.bytes, reading, options)
  /** Whether a name may go on in the next line: writers that do not escape let it. */
  const mayContinue = format !== 'zero' && !(options.isStated && (format === 'gnu' || format === 'rclone'))
  const isLast = format === 'sfv'
  const takeFolder = createFolders(reading)
  const entry: NewEntry = {
    ...{ line: 0, name: text.bytes, start: 0, end: 0, hexAt: -1, hex: text.bytes, size: null, modified: null },
  }
  let isHead = true
  /** Whether the line before had its name last. */
  let isOpen = false
  let [described, files, wrong] = [0, 0, 0]
  await takeLines(text, (start, end, nth) => {
    let form = readSumLine(text.bytes, start, end, line)
    // A name may look like a sum, and a name may begin with '#'.
    const mayBeSfv = format === 'sfv' && text.bytes[start] !== SEMICOLON
    if (mayBeSfv && readSfv(text.bytes, start, end, line)) form = 'sfv'
    if (isHead && (start === end || form === 'comment')) {
      if (start === end || format !== 'sfv') return
      const isFile = checkSfvComment(text.bytes, start, end)
      if (isFile === null) reading.fault(nth, "may be a comment, or the CRC32 of a file whose name begins with ';'")
      else if (isFile) described++
      return
    }
    isHead = false
    if (format === 'borg' && takeFolder(start, end, nth)) return
    if (!forms.has(form)) {
      wrong = nth
      const mayBeRest = mayContinue && isOpen
      isOpen = false
      return reading.fault(nth, toWrong(text.bytes, start, end, rule), mayBeRest)
    }
    isOpen = isHexFirst(form) || form === 'key'
    if (isLast && wrong > 0 && wrong === nth - 1)
      return reading.fault(nth, `is ${quote(text.bytes.subarray(start, end))}, whose name may begin in the line before`)
    if (format === 'bare' || format === 'borg') line.nameAt = line.hexAt + line.hexLength + 1
    const isNamed = line.algorithm !== ''
    const isWanted = isNamed
      ? findAlgorithm(line.algorithm)?.id === algorithm.id
      : line.hexLength === 2 * algorithm.width
    if (!isWanted && !isNamed) return reading.fault(nth, toDigitsWords(line, algorithm))
    const name = toNewName(line, nth)
    if (name === null) return
    files++
    entry.line = nth
    entry.name = name.name
    entry.start = name.start
    entry.end = name.end
    entry.hexAt = isWanted && line.hexLength === 2 * algorithm.width ? line.hexAt : -1
    entry.size = line.size
    reading.add(entry)
  })
  takeFolder(text.bytes.length, text.bytes.length, 0)
  if (described > 0 && described !== files)
    reading.fault(0, `has ${described} files in its comments, and ${files} in its lines`)
}

/**
 * Returns a function that takes a line of borg without a sum, and returns whether it was one. That is a folder if the
 * path of the next line lies in it; else it may also be a link, or the rest of the name before. Called at the end, too.
 */
function createFolders(reading: Reading) {
  const { bytes } = reading.text
  let open: { readonly path: Uint8Array; readonly line: number } | null = null
  return (start: number, end: number, line: number): boolean => {
    const isWithout = start < end && bytes[start] === SPACE
    const at = isWithout ? start + 1 : start + countHex(bytes, start, end) + 1
    const path = bytes.subarray(at, end)
    if (open !== null && !isBelow(path, open.path)) {
      const words = `is ${quote(open.path)} without a sum: an empty folder, a link, or the rest of a name; list with borg list --json-lines`
      reading.fault(open.line, words, true)
    }
    open = isWithout && path.length > 0 ? { path, line } : null
    return open !== null
  }
}

function isBelow(path: Uint8Array, folder: Uint8Array): boolean {
  if (folder.length === 1 && folder[0] === DOT) return true
  return path[folder.length] === SLASH && folder.every((byte, i) => path[i] === byte)
}

const [DOT, SLASH, SEMICOLON] = [0x2e, 0x2f, 0x3b]

function toWrong(bytes: Uint8Array, start: number, end: number, rule: string): string {
  const is = start === end ? 'is empty' : `is ${quote(bytes.subarray(start, end))}`
  return `${is}; it would have to be ${rule}`
}

function toDigitsWords({ hexLength }: SumLine, { title, width }: ListAlgorithm): string {
  return `has ${hexLength} hexadecimal digits; a ${title} has ${2 * width}`
}

interface NewName {
  readonly name: Uint8Array
  readonly start: number
  readonly end: number
}

type ToName = (line: SumLine, nth: number) => NewName | null

/** Returns a function that decodes the name of a line; null, and a fault, where it is not clear what it is. */
function createNames(bytes: Uint8Array, reading: Reading, options: SumLinesOptions): ToName {
  const { format, isStated, counts } = options
  const fromRclone = createRcloneNames()
  const hasSymbols = format === 'sums' && !counts.isNotRclone && hasRcloneSymbol(bytes, 0, bytes.length)
  const isB3sum = reading.algorithm.id === 'blake3' && !isStated

  const refuse = (nth: number, words: string) => {
    reading.fault(nth, words)
    return null
  }

  return (line, nth) => {
    const raw = { name: bytes, start: line.nameAt, end: line.nameEnd }
    if (line.isEscaped) {
      const mayBeOpenssl = format === 'openssl' || (format === 'sums' && line.form === 'binary')
      const name = mayBeOpenssl && !isSameByOpenssl(raw) ? null : unescapeName(raw)
      if (name !== null) return name
      return refuse(
        nth,
        mayBeOpenssl
          ? "may have backslashes of its name or of openssl's line ends; add ?format=gnu if openssl did not write it"
          : 'begins with a backslash, so that it would have to have no other escapes than \\\\, \\n and \\r',
      )
    }
    if (format === 'rclone') return fromRclone(raw) ?? refuse(nth, 'has a name that rclone does not write')
    if (hasSymbols && hasRcloneSymbol(bytes, raw.start, raw.end))
      return refuse(
        nth,
        'has a character which rclone writes for another one; add ?format=rclone or ?format=gnu, as the list was written',
      )
    if (format === 'borg' || (format === 'bare' && !isStated)) {
      const found = bytes.subarray(raw.start, raw.end).includes(QUESTION)
      if (found)
        return refuse(nth, "has a '?', which borg writes for bytes that are not UTF-8; add ?format=bare if borg did not write it")
    }
    if (isB3sum && hasReplacement(raw))
      return refuse(nth, 'has U+FFFD, which b3sum writes for bytes that are not UTF-8; add ?format=gnu if it did not write it')
    return raw
  }
}

const QUESTION = 0x3f

function hasReplacement({ name, start, end }: NewName): boolean {
  for (let at = name.indexOf(0xef, start); at !== -1 && at < end; at = name.indexOf(0xef, at + 1))
    if (name[at + 1] === 0xbf && name[at + 2] === 0xbd) return true
  return false
}

/**
 * Whether a name means the same as GNU and as openssl escape it, or openssl did not write it: that escapes only line
 * ends, so that its escaped names have `\n`, and any other backslash is one of the name.
 */
function isSameByOpenssl({ name, start, end }: NewName): boolean {
  let [backslashes, lineEnds] = [0, 0]
  for (let at = name.indexOf(BACKSLASH, start); at !== -1 && at < end; at = name.indexOf(BACKSLASH, at + 1)) {
    backslashes++
    if (at + 1 < end && name[at + 1] === LETTER_N) lineEnds++
  }
  return lineEnds === 0 || backslashes === 1
}

const [LETTER_N, LETTER_R] = [0x6e, 0x72]

/** The name that GNU coreutils escaped: `\\`, `\n` and `\r`, and nothing else; null otherwise. */
function unescapeName({ name, start, end }: NewName): NewName | null {
  const plain = new Uint8Array(end - start)
  let length = 0
  for (let i = start; i < end; i++) {
    const byte = name[i] ?? 0
    if (byte !== BACKSLASH) {
      plain[length++] = byte
      continue
    }
    const letter = ++i < end ? name[i] : undefined
    if (letter === BACKSLASH) plain[length++] = BACKSLASH
    else if (letter === LETTER_N) plain[length++] = LF
    else if (letter === LETTER_R) plain[length++] = CR
    else return null
  }
  return { name: plain, start: 0, end: length }
}

/** The strongest of the algorithms that lines name; null when vouch computes none of them. */
export function findNamed(named: ReadonlySet<string>): ListAlgorithm | null {
  const known = new Set([...named].map((text) => findAlgorithm(text)?.id))
  return LIST_ALGORITHMS.find(({ id }) => known.has(id)) ?? null
}
