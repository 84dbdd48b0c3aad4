import { findAlgorithm, LIST_ALGORITHMS, type ListAlgorithm } from '../algorithms.ts'
import { LF, type ListText, quote, takeLines } from '../list-text.ts'
import type { Reading } from '../reading.ts'
import type { NewEntry } from '../sums.ts'
import { createFolders } from './borg-folders.ts'
import { checkSfvComment } from './sfv.ts'
import {
  createSumLine,
  type Form,
  readSfv,
  readSumLine,
  SFV_DIGITS,
  type SumFormat,
  type SumLine,
} from './sum-line.ts'
import { createNames } from './sum-names.ts'

/** The forms of each format, and what a line would have to be. */
const RULES: Readonly<Record<SumFormat, { readonly forms: ReadonlySet<Form>; readonly rule: string }>> = {
  sums: {
    forms: new Set(['text', 'binary', 'tag', 'openssl']),
    rule: "'SUM  NAME' or 'ALGORITHM (NAME) = SUM'",
  },
  gnu: {
    forms: new Set(['text', 'binary', 'tag']),
    rule: "'SUM  NAME', 'SUM *NAME' or 'ALGORITHM (NAME) = SUM'",
  },
  zero: {
    forms: new Set(['text', 'binary', 'tag']),
    rule: "'SUM  NAME' or 'ALGORITHM (NAME) = SUM', and a NUL",
  },
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
  /**
   * The number of `single` lines whose name begins as `shasum -U`, `-0` and `-p` mark a sum of other bytes.
   */
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

const SEMICOLON = 0x3b

/** `U`, `^` and `?`. */
const MARKS: ReadonlySet<number> = new Set([0x55, 0x5e, 0x3f])

function isHexFirst(form: Form): boolean {
  return form === 'text' || form === 'binary' || form === 'single'
}

export interface SumLinesOptions {
  readonly format: SumFormat
  /** Whether the caller of vouch named the format: then the lines mean what its program means. */
  readonly isStated: boolean
  readonly counts: FormCounts
}

/** Reads a list with a sum and a name in each line. */
export async function readSumLines(reading: Reading, options: SumLinesOptions): Promise<void> {
  const { text, algorithm } = reading
  const { format, isStated, counts } = options
  const { forms, rule } = RULES[format]
  const line = createSumLine()
  const toNewName = createNames(reading, { format, isStated, isNotRclone: counts.isNotRclone })
  /** Whether a name may go on in the next line: writers that do not escape let it. */
  const mayContinue = format !== 'zero' && !(isStated && (format === 'gnu' || format === 'rclone'))
  const isLast = format === 'sfv'
  const takeFolder = createFolders(reading)
  const entry: NewEntry = {
    ...{
      line: 0,
      name: text.bytes,
      start: 0,
      end: 0,
      hexAt: -1,
      hex: text.bytes,
      size: null,
      modified: null,
    },
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
      if (isFile === null)
        reading.fault(nth, "may be a comment, or the CRC32 of a file whose name begins with ';'")
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
      return reading.fault(
        nth,
        `is ${quote(text.bytes.subarray(start, end))}, whose name may begin in the line before`,
      )
    if (format === 'bare' || format === 'borg') line.nameAt = line.hexAt + line.hexLength + 1
    const isNamed = line.algorithm !== ''
    const isWanted = isNamed
      ? findAlgorithm(line.algorithm)?.id === algorithm.id
      : line.hexLength === 2 * algorithm.width
    if (!isWanted && !isNamed) return reading.fault(nth, toDigitsWords(line, algorithm))
    const name = toNewName(line, nth)
    if (name === null) return
    if (format === 'zero' && !isStated && mayBeLines(text.bytes.subarray(line.nameAt, end)))
      return reading.fault(nth, `is ${quote(text.bytes.subarray(start, end))}, ${MANY_LINES}`)
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

const MANY_LINES = 'which may be several lines; add ?format=zero if each line feed in it belongs to its name'

/**
 * Whether the end of a line with `--zero`, from its name on, may be several of a list without, in which a
 * single NUL made the difference: it ends in a line feed, or has another line with a sum.
 */
function mayBeLines(rest: Uint8Array): boolean {
  const line = createSumLine()
  for (let at = rest.indexOf(LF); at !== -1; ) {
    const next = rest.indexOf(LF, at + 1)
    if (at + 1 === rest.length) return true
    if (RULES.zero.forms.has(readSumLine(rest, at + 1, next === -1 ? rest.length : next, line))) return true
    at = next
  }
  return false
}

function toWrong(bytes: Uint8Array, start: number, end: number, rule: string): string {
  const is = start === end ? 'is empty' : `is ${quote(bytes.subarray(start, end))}`
  return `${is}; it would have to be ${rule}`
}

function toDigitsWords({ hexLength }: SumLine, { title, width }: ListAlgorithm): string {
  return `has ${hexLength} hexadecimal digits; a ${title} has ${2 * width}`
}

/** The strongest of the algorithms that lines name; null when vouch computes none of them. */
export function findNamed(named: ReadonlySet<string>): ListAlgorithm | null {
  const known = new Set([...named].map((text) => findAlgorithm(text)?.id))
  return LIST_ALGORITHMS.find(({ id }) => known.has(id)) ?? null
}
