import { lstatSync, opendirSync } from 'node:fs'
import { toFolded } from '../../functions/storage/twins.ts'
import { EXACT_NAMES_MS, MAX_DIRECTORY_ENTRIES, MAX_EXACT_DIRECTORIES } from './limits.ts'
import { tryLstat } from './regular-file.ts'
import { type Place, toPath } from './root.ts'

/**
 * Tells the names that directories list from others by which their file system finds the same files: in another case,
 * in another Unicode normal form, or shortened. On the calling thread. On a file system that tells all names apart this
 * costs two looks at a directory in `EXACT_NAMES_MS`.
 */
export interface ExactNames {
  /** Whether the directory lists this entry, byte by byte; the entry was found there a moment ago. */
  isListed(directory: string, entry: string): boolean
  /** The same of all segments of a path below the root. */
  isListedBelow(place: Place, path: string): boolean
  /** What is listed where this name is found, as a path below the root; null when that is the name, or nothing is found. */
  findOther(place: Place, name: string): string | null
  /** Reads each directory again that has to be read: called at the start of each batch. */
  begin(): void
}

/** What a directory was seen to tell apart. */
interface Exact {
  readonly until: number
  cases: boolean
  forms: boolean
}

export function createExactNames(): ExactNames {
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

  function isListed(directory: string, entry: string): boolean {
    const exact = recall(directory)
    if (exact.cases && (exact.forms || isAscii(entry))) return true
    const cases = exact.cases ? null : toOtherCase(entry)
    const forms = exact.forms ? null : toOtherForm(entry)
    if (!exact.cases && cases === null && isMaybeShort(entry)) return lists(directory, entry)
    for (const other of [cases, forms]) {
      if (other === null || isAbsent(directory, other, entry)) continue
      if (!lists(directory, entry)) return false
      // Two files whose names differ in that alone.
      if (!lists(directory, other)) return true
    }
    // Of letters beyond ASCII a file system may think otherwise.
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

  function isListedBelow(place: Place, path: string): boolean {
    return toSteps(place, path).every(([directory, entry]) => isListed(directory, entry))
  }

  function findOther(place: Place, name: string): string | null {
    let above = ''
    for (const [directory, entry] of toSteps(place, name)) {
      if (tryLstat(`${directory}/${entry}`) === null) return null
      if (!isListed(directory, entry)) return above + findFolded(directory, entry)
      above += `${entry}/`
    }
    return null
  }

  function begin(): void {
    listings.clear()
    now = performance.now()
  }

  return { isListed, isListedBelow, findOther, begin }
}

/** Each directory on the way to a path below the root, and the entry to look for in it. */
function toSteps(place: Place, path: string): [directory: string, entry: string][] {
  const segments = path.split('/')
  return segments.map((entry, i) => [
    i === 0 ? place.path : toPath(place, segments.slice(0, i).join('/')),
    entry,
  ])
}

/** Whether `other` leads nowhere while `entry` still is there: so they are two names. */
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

/** `entry` with one letter in the other case, of ASCII if there is one; null when it has no letter with two cases. */
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

/** Text whose normal forms are the same. */
function isAscii(text: string): boolean {
  return !/[^\0-\x7f]/.test(text)
}

/** Names without letters by which FAT finds other files: shortened ones, and those with dots or blanks at the end. */
function isMaybeShort(entry: string): boolean {
  return /~|[. ]$/.test(entry)
}

interface Listing {
  readonly names: ReadonlySet<string>
  /** Whether these are all. */
  readonly isWhole: boolean
  readonly isFound: boolean
}

/** Keeps `MAX_DIRECTORY_ENTRIES` names at most. */
function readListing(path: string, entry: string): Listing {
  const names = new Set<string>()
  let isWhole = true
  const directory = opendirSync(path, { bufferSize: 1024 })
  try {
    for (let dirent = directory.readSync(); dirent !== null; dirent = directory.readSync()) {
      if (names.size < MAX_DIRECTORY_ENTRIES) names.add(dirent.name)
      else isWhole = false
      if (!isWhole && dirent.name === entry) return { names, isWhole, isFound: true }
    }
  } finally {
    directory.closeSync()
  }
  return { names, isWhole, isFound: names.has(entry) }
}

/** What the directory lists for an entry: what differs from it only in case or normal form, else the entry itself. */
function findFolded(path: string, entry: string): string {
  const folded = toFolded(entry)
  const directory = opendirSync(path, { bufferSize: 1024 })
  try {
    for (let dirent = directory.readSync(); dirent !== null; dirent = directory.readSync())
      if (toFolded(dirent.name) === folded) return dirent.name
  } finally {
    directory.closeSync()
  }
  return entry
}
