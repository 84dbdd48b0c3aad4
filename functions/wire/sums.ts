import type { Hasher } from './digest.ts'

/** The sums beside SHA-256 that lists hold, with the number of their hexadecimal digits. */
export const SUM_DIGITS = {
  md5: 32,
  sha1: 40,
  sha224: 56,
  sha384: 96,
  sha512: 128,
  blake3: 64,
  crc32: 8,
} as const

/** One of these algorithms. */
export type SumAlgorithm = keyof typeof SUM_DIGITS

export const SUM_ALGORITHMS = Object.keys(SUM_DIGITS) as SumAlgorithm[] // Object.keys is typed string[]

/** Sums of one content in lower-case hexadecimal, by algorithm. */
export type Sums = Readonly<Partial<Record<SumAlgorithm, string | undefined>>>

/** The host's hash functions beside SHA-256; null for one that it lacks. */
export type CreateSum = (algorithm: SumAlgorithm) => Hasher | null

/** Those for which two contents with one sum can be made, or come about by chance. */
export const WEAK_SUMS: ReadonlySet<SumAlgorithm> = new Set(['md5', 'sha1', 'crc32'])

/** Whether `text` is a sum of this algorithm in lower-case hexadecimal. */
export function isSum(algorithm: SumAlgorithm, text: string): boolean {
  return text.length === SUM_DIGITS[algorithm] && /^[0-9a-f]+$/.test(text)
}
