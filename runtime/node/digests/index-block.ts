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
  /** When the first of the readings began: whole milliseconds since 1970. */
  readonly readAt: number
}

const SEAL_BYTES = 32
const DIGEST_BYTES = 32
const NUMBER_BYTES = 8
/** Of a file. */
const NUMBERS = 4

/** Where the block ends that begins with `names[first]`: by the names, so that one more moves few other ends. */
export function findBlockEnd(names: readonly string[], first: number): number {
  const last = Math.min(names.length, first + MAX_BLOCK_FILES)
  for (let end = first; end < last; end++) if (isCut(names[end] ?? '', BLOCK_GRAIN)) return end + 1
  return last
}

/** The bytes of a block of these rows, for `decodeBlock`; null when a number in them is not exact as a double. */
export function encodeBlock(rows: readonly IndexRow[]): Uint8Array | null {
  const numbers = [Math.min(...rows.map(({ readAt }) => readAt))]
  let id: string | undefined
  for (const { identity } of rows) {
    // See `toKey`.
    const [system = '', inode, size, modifiedNs, changedNs] = identity.split(':')
    id ??= system
    const exact = [Number(size), Number(inode)]
    if (system !== id || !exact.every(Number.isSafeInteger)) return null
    numbers.push(...exact, Number(modifiedNs) / 1e6, Number(changedNs) / 1e6)
  }
  const names = rows.map(({ name }) => name)
  const digests = Buffer.from(rows.map(({ digest }) => digest).join(''), 'hex')
  const content = Buffer.concat([
    Buffer.from(Float64Array.from(numbers).buffer),
    digests,
    toTexts(id ?? '', names),
  ])
  return Buffer.concat([seal(content), content])
}

/** The block of these files of the file system `id`; null when the bytes are of others, or damaged. */
export function decodeBlock(bytes: Uint8Array, id: bigint, names: readonly string[]): Block | null {
  const content = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).subarray(SEAL_BYTES)
  const digestsAt = NUMBER_BYTES * (1 + NUMBERS * names.length)
  const textsAt = digestsAt + DIGEST_BYTES * names.length
  if (!toTexts(`${id}`, names).equals(content.subarray(textsAt))) return null
  if (!seal(content).equals(bytes.subarray(0, SEAL_BYTES))) return null
  // A copy: numbers begin at multiples of their length.
  const numbers = new Float64Array(Uint8Array.from(content.subarray(0, digestsAt)).buffer)
  const digests = content.toString('hex', digestsAt, textsAt)
  return { numbers: numbers.subarray(1), digests, readAt: numbers[0] ?? 0 }
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

function toTexts(id: string, names: readonly string[]): Buffer {
  return Buffer.from(`${id}\0${names.join('\0')}`)
}

/** SQLite notices a broken page, but not a flipped bit in a digest. */
function seal(content: Uint8Array): Buffer {
  return hash('sha256', content, 'buffer')
}
