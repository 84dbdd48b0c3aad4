import { attempt } from '../../wire/attempt.ts'
import { MAX_WRONG_LENGTH } from '../../wire/limits.ts'
import { escapeControls } from '../../wire/text.ts'
import { decodeBytes } from '../byte-names.ts'

export const [NUL, LF, CR, SPACE, STAR, BACKSLASH] = [0x00, 0x0a, 0x0d, 0x20, 0x2a, 0x5c]

/** A list as lines of bytes. A line is from `start` to `end`, without its end, and has a number from 1. */
export interface ListText {
  readonly bytes: Uint8Array
  /** Where the first line begins: after a byte order mark. */
  readonly start: number
  /** What ends a line: a line feed, or with `--zero` a NUL. */
  readonly mark: typeof LF | typeof NUL
  readonly lines: number
  /** Whether every line ends in CR LF, as on Windows; otherwise a CR belongs to its line. */
  readonly isCrlf: boolean
  /** Whether some lines end in CR LF, and others do not: it may belong to the name, or to the line end. */
  readonly isMixed: boolean
  /** Whether the last line has its end: a list without may be cut off. */
  readonly isEnded: boolean
}

export type TakeLine = (start: number, end: number, line: number) => void

/** Counts the lines of a list. */
export function toListText(bytes: Uint8Array): ListText {
  const mark = bytes.includes(NUL) ? NUL : LF
  const start = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0
  let [lines, returns, at] = [0, 0, start]
  for (let end = bytes.indexOf(mark, at); end !== -1; end = bytes.indexOf(mark, at)) {
    lines++
    if (mark === LF && end > at && bytes[end - 1] === CR) returns++
    at = end + 1
  }
  const isEnded = at === bytes.length
  const isCrlf = lines > 0 && returns === lines
  const isMixed = returns > 0 && !isCrlf
  return { bytes, start, mark, lines: lines + (isEnded ? 0 : 1), isCrlf, isMixed, isEnded }
}

/** Calls `take` with each line. Waits now and then, so that other work is done meanwhile. */
export async function takeLines(text: ListText, take: TakeLine): Promise<void> {
  const { bytes, mark, isCrlf } = text
  let at = text.start
  for (let line = 1; at < bytes.length; line++) {
    const found = bytes.indexOf(mark, at)
    const end = found === -1 ? bytes.length : found
    take(at, isCrlf && end > at && bytes[end - 1] === CR ? end - 1 : end, line)
    at = end + 1
    // A macrotask, so that sockets are served too.
    if (line % LINES_IN_A_TURN === 0) await new Promise((resolve) => setTimeout(resolve, 0))
  }
}

/** Lines that are read in one turn of the event loop: some 10 ms. */
const LINES_IN_A_TURN = 16_384

/** A part of a list for a message: in one line, and shortened. */
export function quote(bytes: Uint8Array): string {
  const text = decodeBytes(bytes.subarray(0, MAX_WRONG_LENGTH))
  return `'${escapeControls(text)}${bytes.length > MAX_WRONG_LENGTH ? '…' : ''}'`
}

/** The text of a small file beside a list; null when it is not UTF-8. */
export function toText(bytes: Uint8Array): string | null {
  return attempt(() => new TextDecoder('utf-8', { fatal: true }).decode(bytes))
}

/** The number of hexadecimal digits from `at` on. */
export function countHex(bytes: Uint8Array, at: number, end: number): number {
  let i = at
  while (i < end && HEX[bytes[i] ?? 0] !== NOT_HEX) i++
  return i - at
}

const NOT_HEX = 0xff

/** The value of each hexadecimal digit by its byte; `NOT_HEX` of other bytes. */
export const HEX = Uint8Array.from({ length: 256 }, (_, byte) => {
  const value = '0123456789abcdef'.indexOf(String.fromCharCode(byte).toLowerCase())
  return byte < 0x80 && value >= 0 ? value : NOT_HEX
})

/** Whether `text` (ASCII) stands at `at`. */
export function hasText(bytes: Uint8Array, at: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text.charCodeAt(i)) return false
  return true
}

/** Some bytes as ASCII; bytes from 0x80 on become characters that no format has. */
export function toAscii(bytes: Uint8Array, start: number, end: number): string {
  let text = ''
  for (let i = start; i < end; i++) text += String.fromCharCode(bytes[i] ?? 0)
  return text
}

/** Whether `text` (ASCII) stands anywhere; its last character should be rare. */
export function includesText(bytes: Uint8Array, text: string): boolean {
  const last = text.length - 1
  const code = text.charCodeAt(last)
  for (let at = bytes.indexOf(code, last); at !== -1; at = bytes.indexOf(code, at + 1))
    if (hasText(bytes, at - last, text)) return true
  return false
}
