import { findAlgorithm, LIST_ALGORITHMS, type ListAlgorithm } from '../algorithms.ts'
import { countHex, hasText, type ListText, quote, takeLines, toAscii } from '../list-text.ts'
import type { Reading } from '../reading.ts'

const FIRST = '%%%% HASHDEEP-1.0'

export function isHashdeep({ bytes, start }: ListText): boolean {
  return hasText(bytes, start, FIRST)
}

/**
 * The columns of a list that hashdeep wrote, `size,md5,sha256,filename`; none if a line is something else.
 */
function parseColumns({ bytes }: ListText, start: number, end: number): readonly string[] {
  if (end - start > MAX_COLUMNS_LENGTH) return []
  const [, columns] = /^%%%% (size,(?:[a-z0-9]+,)+filename)$/.exec(toAscii(bytes, start, end)) ?? []
  return columns?.split(',') ?? []
}

/** Bytes of that line: each algorithm that hashdeep knows, and some more. */
const MAX_COLUMNS_LENGTH = 256

/** The algorithms of a list by hashdeep, the strongest first. */
export async function findHashdeepAlgorithms(text: ListText): Promise<readonly ListAlgorithm[]> {
  let columns: readonly string[] = []
  await takeLines(text, (start, end, line) => {
    if (line === 2) columns = parseColumns(text, start, end)
  })
  const known = new Set(columns.map((column) => findAlgorithm(column)?.id))
  return LIST_ALGORITHMS.filter(({ id }) => known.has(id))
}

/**
 * Reads a list by hashdeep: two lines of its columns, comments with the directory in which it ran and its
 * command, then a line for each file. A name is the rest of its line, commas included; nothing in it is
 * escaped.
 */
export async function readHashdeep(reading: Reading): Promise<void> {
  const { text, algorithm } = reading
  let columns: readonly string[] = []
  let isHead = true
  await takeLines(text, (start, end, line) => {
    if (line === 1) return
    if (line === 2) {
      columns = parseColumns(text, start, end)
      if (columns.length === 0)
        reading.fault(line, "would have to be '%%%% size,' and the columns of hashdeep")
      return
    }
    if (isHead && hasText(text.bytes, start, '##')) return
    isHead = false
    const found = readLine(text.bytes, start, end, columns, algorithm)
    if (found === null) {
      const words = `is ${quote(text.bytes.subarray(start, end))}; it would have to be '${columns.join(',')}'`
      return reading.fault(line, words, true)
    }
    const { size, hexAt, nameAt } = found
    reading.add({ line, name: text.bytes, start: nameAt, end, hexAt, hex: text.bytes, size, modified: null })
  })
}

const COMMA = 0x2c

function readLine(
  bytes: Uint8Array,
  start: number,
  end: number,
  columns: readonly string[],
  algorithm: ListAlgorithm,
): { readonly size: number; readonly hexAt: number; readonly nameAt: number } | null {
  let [at, size, hexAt] = [start, -1, -1]
  for (const column of columns.slice(0, -1)) {
    // In the line alone: behind it, the search would read the rest of the list.
    const comma = at + bytes.subarray(at, end).indexOf(COMMA)
    if (comma < at) return null
    if (column === 'size') {
      const text = toAscii(bytes, at, Math.min(comma, at + 16))
      if (!/^\d{1,15}$/.test(text)) return null
      size = Number(text)
    } else {
      if (comma === at || countHex(bytes, at, comma) !== comma - at) return null
      const isWanted = findAlgorithm(column)?.id === algorithm.id
      if (isWanted && comma - at !== 2 * algorithm.width) return null
      if (isWanted) hexAt = at
    }
    at = comma + 1
  }
  return size < 0 || at >= end ? null : { size, hexAt, nameAt: at }
}
