import { countHex, quote, SPACE } from '../list-text.ts'
import type { Reading } from '../reading.ts'

/**
 * Returns a function that takes a line of borg without a sum, and returns whether it was one. That is a
 * folder if the path of the next line lies in it; else it may also be a link, or the rest of the name before.
 * Called at the end, too.
 */
export function createFolders(reading: Reading) {
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

const [DOT, SLASH] = [0x2e, 0x2f]
