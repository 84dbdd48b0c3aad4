/**
 * The name from `start` to `end` without the empty and `.` segments that mean nothing: `a//b`, `a/./b` and
 * `././a/b` name the files `a/b`. Null for a name that has none, and for one of which nothing would be left.
 */
export function toPlainName(name: Uint8Array, start: number, end: number): Uint8Array | null {
  if (isPlain(name, start, end)) return null
  const plain = new Uint8Array(end - start)
  let length = 0
  for (let i = start; i < end; i++) {
    const begins = i === start || name[i - 1] === SLASH
    if (begins && name[i] === SLASH && i > start) continue
    if (begins && name[i] === DOT && name[i + 1] === SLASH && i + 1 < end) i++
    else plain[length++] = name[i] ?? 0
  }
  return length === 0 ? null : plain.subarray(0, length)
}

function isPlain(name: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end - 1; i++) {
    if (name[i + 1] !== SLASH) continue
    const isDot = name[i] === DOT && (i === start || name[i - 1] === SLASH)
    if (isDot || name[i] === SLASH) return false
  }
  return true
}

/** Whether the name may be one of which `findFault` finds a fault: it costs less than that. */
export function isDoubtful(name: Uint8Array, start: number, end: number): boolean {
  if (end - start > SHORT || end === start || name[end - 1] === SLASH) return true
  let before = SLASH
  for (let i = start; i < end; i++) {
    const byte = name[i] ?? 0
    if (byte === 0 || byte === BACKSLASH || byte >= 0x80) return true
    if (before === SLASH && (byte === SLASH || byte === DOT)) return true
    before = byte
  }
  return false
}

/** Bytes of a name that is not too long. */
const SHORT = 255

export const SLASH = 0x2f
const DOT = 0x2e
const BACKSLASH = 0x5c
