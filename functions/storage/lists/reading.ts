import { MAX_PASSED_EXAMPLES } from '../../wire/limits.ts'
import type { PassedKind } from '../../wire/passed.ts'
import { encodeBytes } from '../byte-names.ts'
import type { ListAlgorithm } from './algorithms.ts'
import { hasText, type ListText, quote } from './list-text.ts'
import { createSumsBuilder, type NewEntry, type Sums } from './sums.ts'

/** A line that could not be read, or another reason for which the list may lack a name. */
export interface Fault {
  /** 0 for the list as a whole. */
  readonly line: number
  /** As the end of a sentence about the line, or about the list. */
  readonly words: string
}

/** What was found wrong in a list; empty for a list that says of every other name that it was not there. */
export interface Faults {
  readonly count: number
  /** The first of them. */
  readonly first: readonly Fault[]
}

/** An entry that is no file, such as a symbolic link in an mtree file. */
export interface PassedEntry {
  readonly kind: PassedKind
  /** By `decodeBytes`. */
  readonly name: string
}

/** What the readers of the formats collect. */
export interface Reading {
  readonly text: ListText
  readonly algorithm: ListAlgorithm
  /** Adds an entry; a leading `./` is taken off, and the root. */
  add(entry: NewEntry): void
  /** Notes a line that is not understood. `mayContinue`: it may be the rest of the name before it. */
  fault(line: number, words: string, mayContinue?: boolean): void
  pass(entry: PassedEntry): void
  /** A sentence for people about the list. */
  note(words: string): void
  end(): Read
}

/** What was read of a list. */
export interface Read {
  readonly sums: Sums
  readonly faults: Faults
  readonly passed: readonly PassedEntry[]
  readonly notes: readonly string[]
  /** The number of entries that lie outside the root. */
  readonly outside: number
  /** A name that begins with a slash, if every name does and there is no root. */
  readonly absolute: string | null
}

/** `root` is as in `ListOptions`, without a slash at its end; '' for none. */
export function createReading(text: ListText, algorithm: ListAlgorithm, root: string): Reading {
  const builder = createSumsBuilder(algorithm, { size: text.bytes.length, lines: text.lines })
  const above = encodeBytes(root === '' ? '' : `${root.replace(/^\.\//, '')}/`)
  const first: Fault[] = []
  const passed: PassedEntry[] = []
  const notes: string[] = []
  let [faults, outside, absolute] = [0, 0, 0]
  let example: string | null = null

  /** Where the name of the replica begins; -1 for a name outside the root. */
  function findStart(name: Uint8Array, from: number, end: number): number {
    const start = end - from > 2 && hasText(name, from, './') ? from + 2 : from
    if (name[start] === SLASH) {
      absolute++
      example ??= quote(name.subarray(start, end))
    }
    if (above.length === 0) return start
    if (start + above.length >= end) return -1
    for (let i = 0; i < above.length; i++) if (name[start + i] !== above[i]) return -1
    return start + above.length
  }

  function fault(line: number, words: string, mayContinue = false): void {
    if (mayContinue) builder.doubtBefore(line)
    if (++faults <= MAX_PASSED_EXAMPLES) first.push({ line, words })
  }

  return {
    text,
    algorithm,
    fault,
    add(entry) {
      const start = findStart(entry.name, entry.start, entry.end)
      if (start < 0) outside++
      else builder.add(entry, start)
    },
    pass: (entry) => void passed.push(entry),
    note: (words) => void notes.push(words),
    end() {
      // Whoever made it may have named nothing, or failed.
      if (builder.count === 0 && outside === 0 && faults === 0) fault(0, 'has no names')
      const isAbsolute = root === '' && absolute > 0 && absolute === builder.count
      const sums = builder.end()
      return {
        sums,
        faults: { count: faults, first },
        passed,
        notes,
        outside,
        absolute: isAbsolute ? example : null,
      }
    },
  }
}

const SLASH = 0x2f
