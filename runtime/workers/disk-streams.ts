import type { Facts } from '../../functions/storage/storage.ts'
import type { CreateHasher } from '../../functions/wire/digest.ts'
import { StorageError } from '../../functions/wire/trouble.ts'
import { readChunks, toStream } from './chunks.ts'

/** What `unchanged` gives out of a content, and what that content must prove to be. */
export interface UnchangedOptions {
  readonly facts: Facts
  /** Bytes before the part given out. */
  readonly offset: number
  /** Bytes given out. */
  readonly length: number
  readonly createHasher: CreateHasher
  /** The file's size now, null when it is gone; asked once, at the end. */
  readonly readSize: () => Promise<number | null>
  readonly signal?: AbortSignal | undefined
}

/**
 * A part of `body`, a whole file, given out one chunk behind; the last chunk only when the whole file has proved to be
 * the one of `facts`. Otherwise errors with `changed`.
 */
export function unchanged(
  body: ReadableStream<Uint8Array> | null,
  options: UnchangedOptions,
): ReadableStream<Uint8Array> {
  return toStream(readProven(body, options), body)
}

async function* readProven(
  body: ReadableStream<Uint8Array> | null,
  { facts, offset, length, createHasher, readSize, signal }: UnchangedOptions,
): AsyncGenerator<Uint8Array, void, void> {
  const hasher = createHasher()
  let held: Uint8Array | undefined
  let position = 0
  for await (const chunk of readChunks(body)) {
    signal?.throwIfAborted()
    await hasher.update(chunk)
    const part = chunk.subarray(Math.max(offset - position, 0), Math.max(offset + length - position, 0))
    position += chunk.length
    if (part.length === 0) continue
    if (held !== undefined) yield held
    held = part
  }
  if ((await hasher.digest()) !== facts.digest || (await readSize()) !== facts.size) throw changed()
  if (held !== undefined) yield held
}

/** The error for a file that is not, or no longer, the one that was described. */
export function changed(): StorageError {
  return new StorageError('changed', 'the file changed, or is no longer the one asked for')
}
