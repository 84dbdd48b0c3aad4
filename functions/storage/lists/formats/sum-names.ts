import { BACKSLASH, CR, LF } from '../list-text.ts'
import type { Reading } from '../reading.ts'
import type { NewEntry } from '../sums.ts'
import { createRcloneNames, hasRcloneSymbol } from './rclone-names.ts'
import type { SumFormat, SumLine } from './sum-line.ts'

type NewName = Readonly<Pick<NewEntry, 'name' | 'start' | 'end'>>

interface NamesOptions {
  readonly format: SumFormat
  /** As in `SumLinesOptions`. */
  readonly isStated: boolean
  /** As in `FormCounts`. */
  readonly isNotRclone: boolean
}

type ToName = (line: SumLine, nth: number) => NewName | null

/**
 * Returns a function that decodes the name of a line; null, and a fault, where it is not clear what it is. A
 * name is good until the next one is decoded.
 */
export function createNames(reading: Reading, { format, isStated, isNotRclone }: NamesOptions): ToName {
  const { bytes } = reading.text
  const fromRclone = createRcloneNames()
  const hasSymbols = format === 'sums' && !isNotRclone && hasRcloneSymbol(bytes, 0, bytes.length)
  const isB3sum = reading.algorithm.id === 'blake3' && !isStated

  const refuse = (nth: number, words: string) => {
    reading.fault(nth, words)
    return null
  }

  const raw = { name: bytes, start: 0, end: 0 }

  return (line, nth) => {
    raw.start = line.nameAt
    raw.end = line.nameEnd
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
        return refuse(
          nth,
          "has a '?', which borg writes for bytes that are not UTF-8; add ?format=bare if borg did not write it",
        )
    }
    if (isB3sum && hasReplacement(raw))
      return refuse(
        nth,
        'has U+FFFD, which b3sum writes for bytes that are not UTF-8; add ?format=gnu if it did not write it',
      )
    return raw
  }
}

const QUESTION = 0x3f

function hasReplacement({ name: bytes, start, end }: NewName): boolean {
  // Of the name alone: a search that goes on behind it would read the rest of the list for each line.
  const name = bytes.subarray(start, end)
  for (let at = name.indexOf(0xef); at !== -1; at = name.indexOf(0xef, at + 1))
    if (name[at + 1] === 0xbf && name[at + 2] === 0xbd) return true
  return false
}

/**
 * Whether a name means the same as GNU and as openssl escape it, or openssl did not write it: that escapes
 * only line ends, so that its escaped names have `\n`, and any other backslash is one of the name.
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
