import {
  MAX_LIST_FAULTS,
  MAX_LIST_PASSED_BYTES,
  MAX_PASSED_EXAMPLES,
  PASSED_ENTRY_BYTES,
} from '../../wire/limits.ts'
import type { PassedKind } from '../../wire/passed.ts'
import { StorageError } from '../../wire/storage-error.ts'
import { formatNumber } from '../../wire/text.ts'
import { decodeBytes, encodeBytes } from '../byte-names.ts'
import { compareNames, findFault } from '../names.ts'
import type { ListAlgorithm } from './algorithms.ts'
import { type ListText, quote } from './list-text.ts'
import { isDoubtful, SLASH, toPlainName } from './plain-names.ts'
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
  /** Adds an entry; empty and `.` segments of its name are taken out, and the root. */
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
  /** The first entry whose name is not valid: it may be another spelling of a valid one. */
  readonly misspelt: Fault | null
  /** In the order of `compareNames`. */
  readonly passed: readonly PassedEntry[]
  /** The numbers of entries that would be in `passed` too, but for the memory that their names would take. */
  readonly unnamed: ReadonlyMap<PassedKind, number>
  readonly notes: readonly string[]
  /** The number of entries that lie outside the root. */
  readonly outside: number
  /** A name that begins with a slash, if every name does and there is no root. */
  readonly absolute: string | null
}

/** `root` is as in `ListOptions`, without a slash at its end; '' for none. */
export function createReading(text: ListText, algorithm: ListAlgorithm, root: string): Reading {
  const builder = createSumsBuilder(algorithm, { size: text.bytes.length, lines: text.lines })
  const above = toAbove(root)
  const first: Fault[] = []
  const passed: PassedEntry[] = []
  const unnamed = new Map<PassedKind, number>()
  let passedBytes = 0
  const notes: string[] = []
  let [faults, outside, absolute] = [0, 0, 0]
  let example: string | null = null
  let misspelt: Fault | null = null

  /** Adds an entry whose name is plain. */
  function add(entry: NewEntry): void {
    const { name, start, end, line } = entry
    if (name[start] === SLASH) {
      absolute++
      example ??= quote(name.subarray(start, end))
    }
    const from = isBelow(name, start, end) ? start + above.length : -1
    if (from < 0) outside++
    else builder.add(entry, from)
    if (misspelt !== null) return
    const isOther = from < 0 ? mayLieBelow(name, start, end) : isMisspelt(name, from, end)
    if (isOther)
      misspelt = { line, words: `has a name that is not valid: ${quote(name.subarray(start, end))}` }
  }

  function isBelow(name: Uint8Array, start: number, end: number): boolean {
    if (above.length > 0 && start + above.length >= end) return false
    for (let i = 0; i < above.length; i++) if (name[start + i] !== above[i]) return false
    return true
  }

  /** Whether a name outside the root may be another spelling of one below it. */
  function mayLieBelow(name: Uint8Array, start: number, end: number): boolean {
    if ((name[start] === SLASH) !== (above[0] === SLASH)) return true
    if (!isDoubtful(name, start + 1, end)) return false
    const text = decodeBytes(name.subarray(start, end)).replaceAll('\\', '/')
    return text.split('/').includes('..') || text.startsWith(decodeBytes(above))
  }

  function fault(line: number, words: string, mayContinue = false): void {
    if (mayContinue) builder.doubtBefore(line)
    if (++faults <= MAX_PASSED_EXAMPLES) first.push({ line, words })
    if (faults <= MAX_LIST_FAULTS) return
    const most = formatNumber(MAX_LIST_FAULTS)
    const [{ line: at, words: why } = { line, words }] = first
    throw new StorageError(
      'unreadable',
      `more than ${most} lines of the list are not understood; line ${at} ${why}`,
    )
  }

  return {
    text,
    algorithm,
    fault,
    add(entry) {
      const name = toPlainName(entry.name, entry.start, entry.end)
      add(name === null ? entry : { ...entry, name, start: 0, end: name.length })
    },
    pass(entry) {
      passedBytes += entry.name.length + PASSED_ENTRY_BYTES
      if (passedBytes <= MAX_LIST_PASSED_BYTES) passed.push(entry)
      else unnamed.set(entry.kind, (unnamed.get(entry.kind) ?? 0) + 1)
    },
    note: (words) => void notes.push(words),
    end() {
      // Whoever made it may have named nothing, or failed.
      if (builder.count === 0 && outside === 0 && faults === 0) fault(0, 'has no names')
      const isAbsolute = above.length === 0 && absolute > 0 && absolute === builder.count
      const sums = builder.end()
      return {
        sums,
        faults: { count: faults, first },
        misspelt,
        passed: passed.sort((a, b) => compareNames(a.name, b.name)),
        unnamed,
        notes,
        outside,
        absolute: isAbsolute ? example : null,
      }
    },
  }
}

/** What names below the root begin with; empty without a root. */
function toAbove(root: string): Uint8Array {
  const above = encodeBytes(root === '' || root === '.' ? '' : `${root}/`)
  return toPlainName(above, 0, above.length) ?? above
}

/** Whether a name is not valid; what vouch keeps for itself is no other spelling of a valid name. */
function isMisspelt(name: Uint8Array, start: number, end: number): boolean {
  if (!isDoubtful(name, start, end)) return false
  const fault = findFault(decodeBytes(name.subarray(start, end)))
  return fault !== null && fault !== 'reserved'
}
