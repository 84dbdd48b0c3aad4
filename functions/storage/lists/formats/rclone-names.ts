import { countHex, HEX } from '../list-text.ts'

interface Part {
  readonly name: Uint8Array
  readonly start: number
  readonly end: number
}

/** The first byte of U+2400 to U+24FF and of U+201B in UTF-8, which are three bytes. */
const LEAD = 0xe2

/** Whether there is a character that rclone writes in place of a control character, or its quote. */
export function hasRcloneSymbol(bytes: Uint8Array, start: number, end: number): boolean {
  // Of the name alone: a search that goes on behind it would read the rest of the list for each line.
  const name = bytes.subarray(start, end)
  for (let at = name.indexOf(LEAD); at !== -1; at = name.indexOf(LEAD, at + 1))
    if (toControl(name, at) !== null || isQuote(name, at)) return true
  return false
}

/**
 * Returns a function that decodes a name as rclone prints it: U+2400 to U+241F and U+2421 for control
 * characters, and U+201B before one that is meant, or before two digits of a byte that is not UTF-8
 * (https://rclone.org/overview/#encoding). It returns null for a quote that quotes nothing.
 */
export function createRcloneNames(): (part: Part) => Part | null {
  return ({ name, start, end }) => {
    if (!hasRcloneSymbol(name, start, end)) return { name, start, end }
    const plain = new Uint8Array(end - start)
    let length = 0
    for (let at = start; at < end; ) {
      const control = toControl(name, at)
      if (control !== null) {
        plain[length++] = control
        at += 3
      } else if (isQuote(name, at)) {
        const digits = countHex(name, at + 3, Math.min(end, at + 5))
        if (digits === 2) {
          plain[length++] = ((HEX[name[at + 3] ?? 0] ?? 0) << 4) | (HEX[name[at + 4] ?? 0] ?? 0)
          at += 5
        } else {
          // The character that is meant: all of those that rclone quotes are three bytes.
          if (at + 6 > end || ((name[at + 3] ?? 0) & 0xf0) !== 0xe0) return null
          for (let i = 3; i < 6; i++) plain[length++] = name[at + i] ?? 0
          at += 6
        }
      } else plain[length++] = name[at++] ?? 0
    }
    return { name: plain, start: 0, end: length }
  }
}

function toControl(bytes: Uint8Array, at: number): number | null {
  if (bytes[at] !== LEAD || bytes[at + 1] !== 0x90) return null
  const third = bytes[at + 2] ?? 0
  if (third >= 0x80 && third <= 0x9f) return third - 0x80
  return third === 0xa1 ? 0x7f : null
}

function isQuote(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === LEAD && bytes[at + 1] === 0x80 && bytes[at + 2] === 0x9b
}
