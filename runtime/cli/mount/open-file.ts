import { type Chunks, concatenate } from '../../../functions/bytes/chunks.ts'
import { createLimit } from '../../../functions/wire/limit.ts'
import { MAX_READ_BYTES, PIECE_BYTES, WINDOW_BYTES } from './limits.ts'

/** Opens a part of one content, from `offset` to before `end`, exactly. */
export type OpenPart = (offset: number, end: number) => Promise<Chunks>

/** A file that a program has open: one content of `size` bytes. The holder rests it at the end. */
export interface OpenFile {
  readonly name: string
  /** Bytes. */
  readonly size: number
  /**
   * The bytes from `offset`, fewer than `length` only at the end of the file, where there are none, or where
   * that is more than `MAX_READ_BYTES`. Rejects with a UserError or a StorageError.
   */
  read(offset: number, length: number): Promise<Uint8Array>
  /** Gives back the connection and the bytes it holds, after the reads under way; another read asks again. */
  rest(): void
}

/**
 * A file whose parts `openPart` opens, and which `first` has whole. A program that reads on where it left off
 * reads from one stream; elsewhere it asks for a piece, and then for the rest.
 */
export function createOpenFile(
  { name, size }: Pick<OpenFile, 'name' | 'size'>,
  first: Chunks,
  openPart: OpenPart,
): OpenFile {
  const limit = createLimit(1)
  /** What was read last, before `position`. */
  let kept: Uint8Array[] = []
  let position = 0
  let part: Part | null = { chunks: first, end: size, isResumed: false }

  function endPart(): void {
    part?.chunks.cancel().catch(() => {})
    part = null
  }

  function release(): void {
    endPart()
    kept = []
  }

  async function read(offset: number, length: number): Promise<Uint8Array> {
    const end = Math.min(offset + Math.min(length, MAX_READ_BYTES), size)
    if (offset >= end) return new Uint8Array()
    const start = position - kept.reduce((sum, { length }) => sum + length, 0)
    if (offset < start || offset > position + WINDOW_BYTES) {
      release()
      position = offset
      part = await open(offset === 0 ? size : Math.min(size, offset + PIECE_BYTES))
    }
    while (position < end) await readChunk()
    return cut(offset, end)
  }

  async function open(end: number, isResumed = false): Promise<Part> {
    return { chunks: await openPart(position, end), end, isResumed }
  }

  /** Reads one chunk more; a part that breaks off, as when it was not read from for long, is resumed once. */
  async function readChunk(): Promise<void> {
    part ??= await open(size)
    const { chunks, end, isResumed } = part
    try {
      const { done, value } = await chunks.next()
      if (done) throw new Error('a part is as long as it was opened')
      position += value.length
      kept.push(value)
      if (position === end) endPart()
      else part = { chunks, end, isResumed: false }
    } catch (error) {
      endPart()
      if (isResumed) throw error
      part = await open(end, true)
    }
  }

  /** The bytes from `offset` to before `end`; of those before, only the last are kept. */
  function cut(offset: number, end: number): Uint8Array {
    const wanted: Uint8Array[] = []
    let at = position
    let i = kept.length
    for (; i > 0 && at > Math.min(offset, end - WINDOW_BYTES); i--) {
      const chunk = kept[i - 1] ?? new Uint8Array()
      at -= chunk.length
      const bytes = chunk.subarray(Math.max(0, offset - at), Math.max(0, end - at))
      if (bytes.length > 0) wanted.push(bytes)
    }
    kept = kept.slice(i)
    const [only, ...more] = wanted.reverse()
    return only !== undefined && more.length === 0 ? only : concatenate(wanted)
  }

  return {
    name,
    size,
    read: (offset, length) => limit.run(() => read(offset, length)),
    rest: () => void limit.run(release),
  }
}

interface Part {
  readonly chunks: Chunks
  readonly end: number
  /** Whether the part before it broke off, and nothing has been read since. */
  readonly isResumed: boolean
}
