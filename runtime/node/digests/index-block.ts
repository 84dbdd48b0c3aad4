import { createHash } from 'node:crypto'
import type { Stats } from 'node:fs'
import { isCut } from '../../../functions/storage/survey/survey.ts'
import { isSameTime, isSettledAt, KEY_NUMBERS, readKey } from '../files/identity.ts'
import { BLOCK_GRAIN, MAX_BLOCK_FILES } from '../limits.ts'
import type { IndexRow } from './index-table.ts'

/** What the index has of consecutive files of one directory, so that a survey reads it in one piece. */
export interface Block {
  /** For each file its inode, its size, and when it was modified and changed: milliseconds since 1970. */
  readonly numbers: Float64Array
  /** The digests, one after the other. */
  readonly digests: string
  /** When the first and the last of the readings began: whole milliseconds since 1970. */
  readonly readAt: { readonly first: number; readonly last: number }
}

const SEAL_BYTES = 32
const DIGEST_BYTES = 32
const NUMBER_BYTES = 8
/** Of the block, then of each file: those of a key but the first. */
const [HEAD_NUMBERS, NUMBERS] = [2, KEY_NUMBERS - 1]

/** Where the block ends that begins with `names[first]`: by the names, so that one more moves few ends. */
export function findBlockEnd(names: readonly string[], first: number): number {
  const last = Math.min(names.length, first + MAX_BLOCK_FILES)
  for (let end = first; end < last; end++) if (isCut(names[end] ?? '', BLOCK_GRAIN)) return end + 1
  return last
}

/**
 * The bytes of a block of these rows, at most `MAX_BLOCK_FILES`, for `decodeBlock`; null when a number in
 * them is not exact as a double.
 */
export function encodeBlock(rows: readonly IndexRow[]): Uint8Array | null {
  const numbers = encoded.subarray(0, HEAD_NUMBERS + NUMBERS * rows.length)
  const readAt = rows.map((row) => row.readAt)
  numbers.set([Math.min(...readAt), Math.max(...readAt)])
  const first = rows[0]?.identity ?? ''
  const system = first.slice(0, first.indexOf(':') + 1)
  let digests = ''
  for (let i = 0; i < rows.length; i++) {
    const { identity = '', digest = '' } = rows[i] ?? {}
    const at = HEAD_NUMBERS + NUMBERS * i
    if (!identity.startsWith(system) || !readKey(identity, key)) return null
    for (let j = 0; j < NUMBERS; j++) numbers[at + j] = key[1 + j] ?? Number.NaN
    if (!Number.isSafeInteger(numbers[at]) || !Number.isSafeInteger(numbers[at + 1])) return null
    digests += digest
  }
  const bytes = Buffer.allocUnsafe(toLength(rows.length))
  bytes.set(new Uint8Array(numbers.buffer, 0, numbers.byteLength), SEAL_BYTES)
  bytes.write(digests, SEAL_BYTES + numbers.byteLength, 'hex')
  const names = rows.map(({ name }) => name)
  bytes.set(seal(bytes.subarray(SEAL_BYTES), system.slice(0, -1), names))
  return bytes
}

// Used again for each block: fresh memory costs more than all else here.
const key = new Float64Array(KEY_NUMBERS)
const encoded = new Float64Array(HEAD_NUMBERS + NUMBERS * MAX_BLOCK_FILES)

/** The block of these files of the file system `id`; null when the bytes are of others, or damaged. */
export function decodeBlock(bytes: Uint8Array, id: bigint, names: readonly string[]): Block | null {
  if (bytes.length !== toLength(names.length)) return null
  const content = bytes.subarray(SEAL_BYTES)
  if (!seal(content, `${id}`, names).equals(bytes.subarray(0, SEAL_BYTES))) return null
  const digestsAt = NUMBER_BYTES * (HEAD_NUMBERS + NUMBERS * names.length)
  // A copy: numbers begin at multiples of their length.
  const numbers = new Float64Array(new Uint8Array(content.subarray(0, digestsAt)).buffer)
  const digests = Buffer.from(content.buffer, content.byteOffset + digestsAt).toString(
    'hex',
    0,
    DIGEST_BYTES * names.length,
  )
  const [first = 0, last = 0] = numbers
  return { numbers: numbers.subarray(HEAD_NUMBERS), digests, readAt: { first, last } }
}

function toLength(files: number): number {
  return SEAL_BYTES + NUMBER_BYTES * (HEAD_NUMBERS + NUMBERS * files) + DIGEST_BYTES * files
}

/** Whether the nth file of a block, by its stats in plain numbers, is settled and as the block has it. */
export function hasFile(
  { numbers }: Block,
  nth: number,
  { size, ino, mtimeMs, ctimeMs }: Stats,
  now: number,
): boolean {
  const at = NUMBERS * nth
  return (
    ino === numbers[at] &&
    size === numbers[at + 1] &&
    isSameTime(mtimeMs, numbers[at + 2]) &&
    isSameTime(ctimeMs, numbers[at + 3]) &&
    isSettledAt(Math.max(mtimeMs, ctimeMs), size, now)
  )
}

/** Size and digest of the nth file of a block. */
export function readFile({ numbers, digests }: Block, nth: number) {
  const start = 2 * DIGEST_BYTES * nth
  return { size: numbers[NUMBERS * nth + 1] ?? 0, digest: digests.slice(start, start + 2 * DIGEST_BYTES) }
}

/**
 * Proves what a block holds, and of which files, whose names it does not hold. SQLite notices a broken page,
 * but not a flipped bit in a digest.
 */
function seal(content: Uint8Array, id: string, names: readonly string[]): Buffer {
  return createHash('sha256')
    .update(content)
    .update(`${id}\0${names.join('\0')}`)
    .digest()
}
