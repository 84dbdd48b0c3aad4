import { concatenate } from '../../../bytes/chunks.ts'
import { MAX_NAME_BYTES } from '../../../wire/limits.ts'
import type { PassedKind } from '../../../wire/passed.ts'
import { formatNumber } from '../../../wire/text.ts'
import { decodeBytes } from '../../byte-names.ts'
import { findAlgorithm, LIST_ALGORITHMS, type ListAlgorithm } from '../algorithms.ts'
import { countHex, hasText, includesText, type ListText, quote, takeLines, toAscii } from '../list-text.ts'
import type { Reading } from '../reading.ts'
import { decodeVis } from './vis.ts'

/** Keywords and their values; a keyword without a value has ''. */
type Keywords = ReadonlyMap<string, string>

/** The kinds of what is no file; a directory is not counted. */
const KINDS: ReadonlyMap<string, PassedKind | null> = new Map([
  ['dir', null],
  ['link', 'link'],
  ['fifo', 'fifo'],
  ['socket', 'socket'],
  ['char', 'device'],
  ['block', 'device'],
])

const WORD = /^[^\s=]+(=\S*)?$/

/** Whether every line is as of mtree: it begins with `#mtree`, has a `/set`, or a type on each line. */
export async function isMtree(text: ListText): Promise<boolean> {
  if (!includesText(text.bytes, 'type=')) return hasText(text.bytes, text.start, '#mtree')
  let [typed, others, isMarked] = [0, 0, false]
  await takeLines(text, (start, end, line) => {
    const words = toAscii(text.bytes, start, Math.min(end, start + MAX_SEEN_LENGTH))
    isMarked ||= (line === 1 && words.startsWith('#mtree')) || /^\/set /.test(words)
    if (/^\s*(?:#|$|\/(?:un)?set |\.\.\s*$)/.test(words)) return
    if (/^\s*\S+ .*\btype=[a-z]+/.test(words)) typed++
    else others++
  })
  return isMarked || (typed > 0 && others === 0)
}

/** Characters of a line in which its type is looked for: a long name comes before it. */
const MAX_SEEN_LENGTH = 8192

/** The algorithms of which any file has a sum, the strongest first. */
export async function findMtreeAlgorithms(text: ListText): Promise<readonly ListAlgorithm[]> {
  const known = new Set<string>()
  await takeLines(text, (start, end) => {
    // A longer line is refused when it is read.
    if (end - start > MAX_SEEN_LENGTH) return
    for (const [, key = ''] of toAscii(text.bytes, start, end).matchAll(/ ([a-z0-9]+)=[0-9a-f]{8}/g))
      known.add(key)
  })
  const ids = new Set([...known].map((key) => findAlgorithm(key)?.id))
  return LIST_ALGORITHMS.filter(({ id }) => ids.has(id))
}

/**
 * Reads a specification of mtree(5): of NetBSD, whose lines are nested by directory, with `/set` and `..`,
 * and of FreeBSD and libarchive, whose names may be whole paths. Only files are entries; other kinds are
 * skipped and counted, directories are not.
 */
export async function readMtree(reading: Reading): Promise<void> {
  const { text } = reading
  let defaults: Keywords = new Map()
  /** The directories that are open; the first is the root. */
  const open: Uint8Array[] = []
  /** Bytes of the path of the innermost. */
  let openBytes = 0
  /**
   * Whether a line that is not understood may have opened or closed one: then it is not clear which are open.
   */
  let isLost = false
  let [pending, pendingLine] = ['', 0]

  /** Returns what is wrong with the entry; null for nothing. */
  function takeEntry(word: string, own: Keywords, line: number): string | null {
    const name = decodeVis(word)
    const type = own.get('type') ?? defaults.get('type') ?? ''
    if (isLost && !name?.includes(SLASH)) return LOST
    if (name === null) return `has an escape that mtree does not write, in ${quote(encoder.encode(word))}`
    const isPath = name.includes(SLASH)
    if (!isPath && openBytes + name.length > MAX_PATH_BYTES) return TOO_DEEP
    const path = isPath ? name : joinPath([...open, name])
    if (type === 'file') {
      const wrong = addFile(reading, { path, line, own, defaults })
      if (wrong !== null) reading.fault(line, wrong)
      return null
    }
    const kind = KINDS.get(type)
    if (kind === undefined)
      return `has the type ${quote(encoder.encode(type))}; it would have to be one of mtree(5)`
    if (kind !== null) reading.pass({ kind, name: decodeBytes(path).replace(/^\.\//, '') })
    // A whole path opens no directory: its files have whole paths, too.
    else if (!isPath) {
      open.push(name)
      openBytes += name.length + 1
    }
    return null
  }

  function takeWords(words: string, line: number): string | null {
    const [first = '', ...rest] = words.split(/[ \t]+/).filter((word) => word !== '')
    if (first === '..' && rest.length === 0) {
      if (isLost) return null
      const closed = open.pop()
      if (closed === undefined) return "has '..' without a directory above"
      openBytes -= closed.length + 1
      return null
    }
    if (!rest.every((word) => WORD.test(word))) return 'has a word that is no keyword'
    const keywords = new Map(rest.map(toKeyword))
    if (keywords.size > MAX_KEYWORDS) return TOO_MANY
    const isTwice = rest.map(toKeyword).some(([key, value]) => keywords.get(key) !== value)
    if (isTwice) return 'has a keyword twice, with two values'
    if (first === '/set') {
      const all = new Map([...defaults, ...keywords])
      if (all.size > MAX_KEYWORDS) return TOO_MANY
      defaults = all
    } else if (first === '/unset')
      defaults = new Map(keywords.has('all') ? [] : [...defaults].filter(([key]) => !keywords.has(key)))
    else return takeEntry(first, keywords, line)
    return null
  }

  await takeLines(text, (start, end, line) => {
    const isLong = pending.length + end - start > MAX_SEEN_LENGTH
    const words = toAscii(text.bytes, start, Math.min(end, start + MAX_SEEN_LENGTH))
    const isNothing = isLong ? /^[ \t]*#/.test(words) : /^[ \t]*(?:#|$)/.test(words)
    if (pending === '' && isNothing) return
    if (pending === '') pendingLine = line
    const isContinued = /(?:^|[ \t])\\$/.test(words)
    const whole = pending + words
    if (isLong) {
      pending = ''
      isLost = true
      return reading.fault(line, `is ${quote(text.bytes.subarray(start, end))}, longer than mtree writes`)
    }
    pending = isContinued ? `${whole.slice(0, -1)} ` : ''
    const wrong = isContinued ? null : takeWords(whole, pendingLine)
    if (wrong === null) return
    isLost = true
    reading.fault(pendingLine, wrong)
  })
  if (pending !== '') reading.fault(pendingLine, 'goes on in a line that is not there')
}

const SLASH = 0x2f

/**
 * Bytes of a path that is put together: the longest name, after `./`. Each line of a list may have a file in
 * the same folder, so that its path takes a thousand times as much as its line.
 */
const MAX_PATH_BYTES = 2 + MAX_NAME_BYTES
const TOO_DEEP = `has a path of more than ${formatNumber(MAX_NAME_BYTES)} bytes`

/** Keywords of a line, and of `/set`: mtree(5) knows some 30. */
const MAX_KEYWORDS = 64
const TOO_MANY = `has more than ${MAX_KEYWORDS} keywords`

const LOST = 'comes after a line that is not understood, so that its folder is not clear'

function joinPath(parts: readonly Uint8Array[]): Uint8Array {
  return concatenate(parts.flatMap((part, i) => (i === 0 ? [part] : [Uint8Array.of(SLASH), part])))
}

interface MtreeFile {
  readonly path: Uint8Array
  readonly line: number
  readonly own: Keywords
  readonly defaults: Keywords
}

/** Returns what is wrong with the file; null for nothing. */
function addFile(reading: Reading, { path, line, own, defaults }: MtreeFile): string | null {
  const { id, width, title } = reading.algorithm
  const ownSums = findSums(own, id)
  const [sum = '', other = sum] = ownSums.size > 0 ? ownSums : findSums(defaults, id)
  if (sum !== other) return `has two sums of ${title}`
  const hex = encoder.encode(sum)
  const isSum = hex.length === 2 * width && countHex(hex, 0, hex.length) === hex.length
  if (sum !== '' && !isSum) return `has a ${title} of another length than ${2 * width}`
  const size = own.get('size') ?? defaults.get('size')
  if (size !== undefined && !/^\d{1,15}$/.test(size)) return 'has a size that is no number'
  reading.add({
    ...{ line, name: path, start: 0, end: path.length },
    ...{ hexAt: isSum ? 0 : -1, hex, size: size === undefined ? null : Number(size) },
    modified: parseTime(own.get('time') ?? defaults.get('time') ?? ''),
  })
  return null
}

/** The values of all keywords of an algorithm, which has `sha256` and `sha256digest`; in lower case. */
function findSums(keywords: Keywords, id: string): ReadonlySet<string> {
  const found = [...keywords].filter(([key]) => findAlgorithm(key)?.id === id)
  return new Set(found.map(([, value]) => value.toLowerCase()))
}

/** `size=3`, or a word without a value. */
function toKeyword(word: string): readonly [key: string, value: string] {
  const at = word.indexOf('=')
  return at === -1 ? [word, ''] : [word.slice(0, at), word.slice(at + 1)]
}

const encoder = new TextEncoder()

/** `SECONDS.NANOSECONDS`, where the second number need not have nine digits: `1.5` is five nanoseconds. */
function parseTime(text: string): number | null {
  const [, seconds, nanoseconds = '0'] = /^(-?\d{1,12})(?:\.(\d{1,9}))?$/.exec(text) ?? []
  return seconds === undefined ? null : Number(seconds) * 1000 + Math.floor(Number(nanoseconds) / 1e6)
}
