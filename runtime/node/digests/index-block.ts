import { hash } from 'node:crypto'
import type { Stats } from 'node:fs'
import { isCut } from '../../../functions/storage/survey/survey.ts'
import { isSameTime, isSettledAt } from '../files/identity.ts'
import { BLOCK_GRAIN, MAX_BLOCK_FILES } from '../limits.ts'
import type { IndexRow } from './index-table.ts'

/** What the index has of consecutive files of one directory, so that a survey reads it in one piece. */
export interface Block {
  /** For each file its size, its inode, and when it was modified and changed: milliseconds since 1970. */
  readonly numbers: Float64Array
  /** The digests, one after the other. */
  readonly digests: string
  /** When the first and the last of the readings began: whole milliseconds since 1970. */
  readonly readAt: { readonly first: number; readonly last: number }
}

const SEAL_BYTES = 32
const DIGEST_BYTES = 32
const NUMBER_BYTES = 8
/** Of the block, then of each file. */
const [HEAD_NUMBERS, NUMBERS] = [2, 4]

/** Where the block ends that begins with `names[first]`: by the names, so that one more moves few other ends. */
export function findBlockEnd(names: readonly string[], first: number): number {
  const last = Math.min(names.length, first + MAX_BLOCK_FILES)
  for (let end = first; end < last; end++) if (isCut(names[end] ?? '', BLOCK_GRAIN)) return end + 1
  return last
}

/** The bytes of a block of these rows, for `decodeBlock`; null when a number in them is not exact as a double. */
export function encodeBlock(rows: readonly IndexRow[]): Uint8Array | null {
  const bytes = Buffer.allocUnsafe(toLength(rows.length))
  // In bytes of its own, where numbers begin at multiples of their length.
  const numbers = new Float64Array(HEAD_NUMBERS + NUMBERS * rows.length)
  const readAt = rows.map((row) => row.readAt)
  numbers.set([Math.min(...readAt), Math.max(...readAt)])
  const id = toSystem(rows[0])
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i]
    if (row === undefined || toSystem(row) !== id) return null
    // See `toKey`.
    const [, inode, size, modifiedNs, changedNs] = row.identity.split(':')
    const at = HEAD_NUMBERS + NUMBERS * i
    numbers[at] = Number(size)
    numbers[at + 1] = Number(inode)
    numbers[at + 2] = Number(modifiedNs) / 1e6
    numbers[at + 3] = Number(changedNs) / 1e6
    if (!Number.isSafeInteger(numbers[at]) || !Number.isSafeInteger(numbers[at + 1])) return null
    bytes.write(row.digest, bytes.length - DIGEST_BYTES * (rows.length - i), 'hex')
  }
  bytes.set(new Uint8Array(numbers.buffer), SEAL_BYTES)
  const names = rows.map(({ name }) => name)
  bytes.set(seal(bytes.subarray(SEAL_BYTES), id, names))
  return bytes
}

/** The block of these files of the file system `id`; null when the bytes are of others, or damaged. */
export function decodeBlock(bytes: Uint8Array, id: bigint, names: readonly string[]): Block | null {
  if (bytes.length !== toLength(names.length)) return null
  const content = bytes.subarray(SEAL_BYTES)
  if (!seal(content, `${id}`, names).equals(bytes.subarray(0, SEAL_BYTES))) return null
  const digestsAt = NUMBER_BYTES * (HEAD_NUMBERS + NUMBERS * names.length)
  // A copy: numbers begin at multiples of their length.
  const numbers = new Float64Array(Uint8Array.from(content.subarray(0, digestsAt)).buffer)
  const digests = Buffer.from(content.subarray(digestsAt)).toString('hex')
  const [first = 0, last = 0] = numbers
  return { numbers: numbers.subarray(HEAD_NUMBERS), digests, readAt: { first, last } }
}

function toLength(files: number): number {
  return SEAL_BYTES + NUMBER_BYTES * (HEAD_NUMBERS + NUMBERS * files) + DIGEST_BYTES * files
}

function toSystem(row: IndexRow | undefined): string {
  const identity = row?.identity ?? ''
  return identity.slice(0, Math.max(0, identity.indexOf(':')))
}

/** Whether the nth file of a block, by its stats in plain numbers, is settled and as the block has it: see `hasKey`. */
export function hasFile(
  { numbers }: Block,
  nth: number,
  { size, ino, mtimeMs, ctimeMs }: Stats,
  now: number,
): boolean {
  const at = NUMBERS * nth
  return (
    size === numbers[at] &&
    ino === numbers[at + 1] &&
    isSameTime(mtimeMs, numbers[at + 2]) &&
    isSameTime(ctimeMs, numbers[at + 3]) &&
    isSettledAt(Math.max(mtimeMs, ctimeMs), size, now)
  )
}

/** Size and digest of the nth file of a block. */
export function readFile({ numbers, digests }: Block, nth: number) {
  const start = 2 * DIGEST_BYTES * nth
  return { size: numbers[NUMBERS * nth] ?? 0, digest: digests.slice(start, start + 2 * DIGEST_BYTES) }
}

/**
 * Proves what a block holds, and of which files, whose names it does not hold. SQLite notices a broken page, but
 * not a flipped bit in a digest.
 */
function seal(content: Uint8Array, id: string, names: readonly string[]): Buffer {
  return hash('sha256', Buffer.concat([content, Buffer.from(`${id}\0${names.join('\0')}`)]), 'buffer')
}
