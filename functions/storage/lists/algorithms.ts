import { SUM_DIGITS, type SumAlgorithm, WEAK_SUMS } from '../../wire/sums.ts'

/** An algorithm whose sums a list may hold. */
export interface ListAlgorithm {
  /** As messages and `?algorithm=` write it. */
  readonly id: 'sha256' | SumAlgorithm
  /** Bytes of a sum. */
  readonly width: number
  /** How people write it. */
  readonly title: string
  /** Whether two contents of one sum can be made: then a sum shows an accident, and no intent. */
  readonly isWeak: boolean
}

export const SHA256: ListAlgorithm = { id: 'sha256', width: 32, title: 'SHA-256', isWeak: false }

/** The strongest first, which is chosen of a list that holds several. */
export const LIST_ALGORITHMS: readonly ListAlgorithm[] = [
  SHA256,
  toAlgorithm('sha512', 'SHA-512'),
  toAlgorithm('sha384', 'SHA-384'),
  toAlgorithm('blake3', 'BLAKE3'),
  toAlgorithm('sha224', 'SHA-224'),
  toAlgorithm('sha1', 'SHA-1'),
  toAlgorithm('md5', 'MD5'),
  toAlgorithm('crc32', 'CRC32'),
]

function toAlgorithm(id: SumAlgorithm, title: string): ListAlgorithm {
  return { id, width: SUM_DIGITS[id] / 2, title, isWeak: WEAK_SUMS.has(id) }
}

/** The algorithm of this id; null for another word. */
export function parseAlgorithm(id: string): ListAlgorithm | null {
  return LIST_ALGORITHMS.find((one) => one.id === id) ?? null
}

/** The bytes of the sums that are recognized as such, also of algorithms that vouch does not compute. */
export const SUM_WIDTHS: ReadonlySet<number> = new Set([4, 8, 16, 20, 28, 32, 48, 64])

/**
 * What else than the algorithms above writes sums of as many bytes. Sums without the name of their algorithm
 * look the same, so that a wrong guess would call every file changed.
 */
const LIKE: ReadonlyMap<number, string> = new Map([
  [4, 'CRC32, XXH32'],
  [8, 'XXH64, XXH3'],
  [16, 'MD5, XXH128'],
  [20, 'SHA-1, RIPEMD-160'],
  [28, 'SHA-224, SHA3-224'],
  [32, 'SHA-256, BLAKE3, BLAKE2s, SHA3-256, SHA-512/256'],
  [48, 'SHA-384, SHA3-384'],
  [64, 'SHA-512, BLAKE2b, SHA3-512, Whirlpool'],
])

/** What sums of `width` bytes may be: `SHA-256, BLAKE3, …`. */
export function toLikely(width: number): string {
  return LIKE.get(width) ?? 'nothing known'
}

/** The algorithm that a list calls so, as in `SHA2-256 (a)`, `sha256digest=` and `--tag`; null for others. */
export function findAlgorithm(text: string): ListAlgorithm | null {
  const plain = text
    .toLowerCase()
    .replace(/^sha2-/, 'sha')
    .replace(/digest$/, '')
  const id = ALIASES.get(plain) ?? plain.replace(/^sha-/, 'sha')
  return parseAlgorithm(id)
}

const ALIASES: ReadonlyMap<string, string> = new Map([
  ['b3', 'blake3'],
  ['sfv', 'crc32'],
])

/** The algorithms that the name of a list states: `SHA256SUMS`, `a.iso.md5`, `manifest-sha512.txt`. */
export function findStated(fileName: string): readonly ListAlgorithm[] {
  return LIST_ALGORITHMS.filter(({ id }) => STATED[id].test(fileName))
}

const STATED: Readonly<Record<ListAlgorithm['id'], RegExp>> = {
  sha256: /(?<![a-z0-9])sha2?-?256(?:sums?|digest)?(?![a-z0-9])/i,
  sha512: /(?<![a-z0-9])sha2?-?512(?:sums?|digest)?(?![a-z0-9]|[-_]\d{3})/i,
  sha384: /(?<![a-z0-9])sha2?-?384(?:sums?|digest)?(?![a-z0-9])/i,
  sha224: /(?<![a-z0-9])sha2?-?224(?:sums?|digest)?(?![a-z0-9])/i,
  sha1: /(?<![a-z0-9])sha-?1(?:sums?|digest)?(?![a-z0-9])/i,
  md5: /(?<![a-z0-9])md5(?:sums?|digest)?(?![a-z0-9])/i,
  blake3: /(?<![a-z0-9])(?:b3|blake3)(?:sums?)?(?![a-z0-9])/i,
  crc32: /(?<![a-z0-9])(?:crc32|sfv)(?:sums?)?(?![a-z0-9])/i,
}
