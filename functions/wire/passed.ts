import { MAX_PASSED_EXAMPLES } from './limits.ts'
import { escapeControls } from './text.ts'

/** The words for each kind, singular and plural, and whether its entries are, or may be, files. */
export const PASSED_WORDS = {
  link: ['symbolic link', 'symbolic links', false],
  device: ['device', 'devices', false],
  fifo: ['FIFO', 'FIFOs', false],
  socket: ['socket', 'sockets', false],
  special: ['entry that is not a regular file', 'entries that are not regular files', false],
  'folder-marker': ['folder marker', 'folder markers', false],
  'not-utf-8': ['file with a name that is not UTF-8', 'files with names that are not UTF-8', true],
  backslash: ['file with a backslash in its name', 'files with a backslash in their names', true],
  nul: ['file with a NUL in its name', 'files with a NUL in their names', true],
  'empty-segment': [
    'file with an empty segment in its name',
    'files with an empty segment in their names',
    true,
  ],
  'dot-segment': [
    "file with a '.' or '..' segment in its name",
    "files with a '.' or '..' segment in their names",
    true,
  ],
  'name-too-long': ['file with a name that is too long', 'files with names that are too long', true],
  reserved: ["file with the reserved name '.vouch'", "files with the reserved name '.vouch'", true],
  other: ['entry of an unknown kind', 'entries of an unknown kind', true],
} as const satisfies Record<string, readonly [string, string, boolean]>

/**
 * Why an entry, or an object, is not listed: it is not a regular file (`link` to `folder-marker`), or its
 * name is not valid (see `parseName`). A directory whose name prevents entering it counts as one file.
 */
export type PassedKind = keyof typeof PASSED_WORDS

export const PASSED_KINDS = Object.keys(PASSED_WORDS) as PassedKind[] // Object.keys is typed string[]

/** Skipped entries of one kind. */
export interface Passed {
  readonly kind: PassedKind
  /** At least 1. */
  readonly count: number
  /** The first of their names, for display: invalid text is escaped, and a long name is shortened. */
  readonly examples: readonly string[]
}

/** A mutable copy, for a message. */
export function toPassedMember(passed: readonly Passed[]) {
  return passed.map((one) => ({ ...one, examples: [...one.examples] }))
}

/** The sum of two counts that replicas reported, which may be any, limited to what a message can carry. */
export function addCounts(a: number, b: number): number {
  return Math.min(a + b, Number.MAX_SAFE_INTEGER)
}

/** The number of entries that are, or may be, files, and that an audit could not compare. */
export function countFiles(passed: readonly Passed[]): number {
  return passed.reduce((sum, { kind, count }) => (mayBeFile(kind) ? addCounts(sum, count) : sum), 0)
}

/** Whether entries of this kind are, or may be, files. */
export function mayBeFile(kind: PassedKind): boolean {
  return PASSED_WORDS[kind][2]
}

/** `2 FIFOs were skipped, such as a, b`; `1 file with a backslash in its name could not be compared: a\b`. */
export function toPassedText({ kind, count, examples }: Passed, toText: (n: number) => string): string {
  const [one, several, isFile] = PASSED_WORDS[kind]
  const deed = isFile ? 'could not be compared' : count === 1 ? 'was skipped' : 'were skipped'
  const start = `${toText(count)} ${count === 1 ? one : several} ${deed}`
  if (examples.length === 0) return start
  const list = examples.map(escapeControls).join(', ')
  return count > examples.length ? `${start}, such as ${list}` : `${start}: ${list}`
}

/** Adds the counts of two places. */
export function addPassed(a: readonly Passed[], b: readonly Passed[]): readonly Passed[] {
  if (a.length === 0 || b.length === 0) return a.length === 0 ? b : a
  const all = new Map(a.map((one) => [one.kind, one]))
  for (const { kind, count, examples } of b) {
    const before = all.get(kind)
    all.set(kind, {
      kind,
      count: addCounts(before?.count ?? 0, count),
      examples: [...(before?.examples ?? []), ...examples].slice(0, MAX_PASSED_EXAMPLES),
    })
  }
  return [...all.values()]
}
