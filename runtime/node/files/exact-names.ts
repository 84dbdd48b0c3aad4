import { lstatSync, opendirSync } from 'node:fs'
import { toFolded } from '../../../functions/storage/twins.ts'
import { EXACT_NAMES_MS, MAX_DIRECTORY_ENTRIES, MAX_EXACT_DIRECTORIES } from '../limits.ts'
import { tryLstat } from './identity.ts'
import { type Place, toPath } from './root.ts'

export type ExactNames = ReturnType<typeof createExactNames>

/** What a directory was seen to distinguish. */
interface Exact {
  readonly until: number
  cases: boolean
  forms: boolean
}

/**
 * Distinguishes the names that directories list from others by which their file system finds the same files:
 * in another case, in another Unicode normal form, or shortened. On the calling thread. Where the file system
 * distinguishes all names, this costs two looks at a directory in `EXACT_NAMES_MS`.
 */
export function createExactNames() {
  const directories = new Map<string, Exact>()
  const listings = new Map<string, ReadonlySet<string>>()
  let now = performance.now()

  function recall(directory: string): Exact {
    const known = directories.get(directory)
    if (known !== undefined && now < known.until) return known
    if (directories.size >= MAX_EXACT_DIRECTORIES) directories.clear()
    const exact = { until: now + EXACT_NAMES_MS, cases: false, forms: false }
    directories.set(directory, exact)
    return exact
  }

  /** Whether the directory lists this entry, byte by byte. The entry was found there a moment ago. */
  function isListed(directory: string, entry: string): boolean {
    const exact = recall(directory)
    if (exact.cases && (exact.forms || isAscii(entry))) return true
    const cases = exact.cases ? null : toOtherCase(entry)
    const forms = exact.forms ? null : toOtherForm(entry)
    if (!exact.cases && cases === null && isMaybeShort(entry)) return lists(directory, entry)
    for (const other of [cases, forms]) {
      if (other === null || isAbsent(directory, other, entry)) continue
      if (!lists(directory, entry)) return false
      // Two files whose names differ only in that.
      if (!lists(directory, other)) return true
    }
    // A file system may treat letters beyond ASCII differently.
    if (cases !== null && /[a-z]/i.test(entry)) exact.cases = true
    if (forms !== null) exact.forms = true
    return true
  }

  function lists(directory: string, entry: string): boolean {
    const known = listings.get(directory)
    if (known !== undefined) return known.has(entry)
    const { names, isWhole, isFound } = readListing(directory, entry)
    if (isWhole) listings.set(directory, names)
    return isFound
  }

  /** The same for all segments of a path below the root. */
  function isListedBelow(place: Place, path: string): boolean {
    return toSteps(place, path).every(([directory, entry]) => isListed(directory, entry))
  }

  /** The path that is listed for this name; null when it is the name itself, or there is no file. */
  function findOther(place: Place, name: string): string | null {
    let above = ''
    for (const [directory, entry] of toSteps(place, name)) {
      if (tryLstat(`${directory}/${entry}`) === null) return null
      if (!isListed(directory, entry)) return above + findFolded(directory, entry)
      above += `${entry}/`
    }
    return null
  }

  /** Forgets listings; called at the start of each batch. */
  function begin(): void {
    listings.clear()
    now = performance.now()
  }

  return { isListed, isListedBelow, findOther, begin }
}

/** Each directory on the way to a path below the root, and its entry on the way. */
function toSteps(place: Place, path: string): [directory: string, entry: string][] {
  const segments = path.split('/')
  return segments.map((entry, i) => [toPath(place, segments.slice(0, i).join('/')), entry])
}

/** Whether `other` leads nowhere while `entry` exists, so that they are two names. */
function isAbsent(directory: string, other: string, entry: string): boolean {
  try {
    return (
      lstatSync(`${directory}/${other}`, { throwIfNoEntry: false }) === undefined &&
      lstatSync(`${directory}/${entry}`, { throwIfNoEntry: false }) !== undefined
    )
  } catch {
    return false
  }
}

/** `entry` with one letter in the other case, preferably of ASCII; null when no letter has two cases. */
function toOtherCase(entry: string): string | null {
  const letter = /[a-z]/i.exec(entry) ?? /\p{Lu}|\p{Ll}/u.exec(entry)
  if (letter === null) return null
  const [text] = letter
  const other = text === text.toLowerCase() ? text.toUpperCase() : text.toLowerCase()
  if (other === text) return null
  return entry.slice(0, letter.index) + other + entry.slice(letter.index + text.length)
}

/** `entry` in another normal form; null when it has no other. */
function toOtherForm(entry: string): string | null {
  if (isAscii(entry)) return null
  return ['NFC', 'NFD'].map((form) => entry.normalize(form)).find((other) => other !== entry) ?? null
}

/** Whether all normal forms of a text are equal. */
function isAscii(text: string): boolean {
  return !/[^\0-\x7f]/.test(text)
}

/** Names without letters by which FAT finds others: shortened ones, or with dots or blanks at the end. */
function isMaybeShort(entry: string): boolean {
  return /~|[. ]$/.test(entry)
}

/** Lists `MAX_DIRECTORY_ENTRIES` names at most, all of them when it `isWhole`. */
function readListing(path: string, entry: string) {
  const names = new Set<string>()
  let isWhole = true
  for (const name of readNames(path)) {
    if (names.size < MAX_DIRECTORY_ENTRIES) names.add(name)
    else isWhole = false
    if (!isWhole && name === entry) return { names, isWhole, isFound: true }
  }
  return { names, isWhole, isFound: names.has(entry) }
}

/** The listed name that differs from an entry only in case or normal form; else the entry itself. */
function findFolded(path: string, entry: string): string {
  const folded = toFolded(entry)
  for (const name of readNames(path)) if (toFolded(name) === folded) return name
  return entry
}

function* readNames(path: string): Generator<string> {
  const directory = opendirSync(path, { bufferSize: 1024 })
  try {
    for (let one = directory.readSync(); one !== null; one = directory.readSync()) yield one.name
  } finally {
    directory.closeSync()
  }
}
