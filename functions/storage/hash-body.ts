import { type Chunks, readChunks, toChunks } from '../bytes/chunks.ts'
import type { Hasher } from '../wire/digest.ts'
import type { DescribeOptions, Reading } from './storage.ts'

interface HashBodyOptions
  extends Pick<DescribeOptions, 'signal' | 'onProgress' | 'pace'>,
    Omit<Reading, 'bytes'> {}

/**
 * Reads a body to its end into each of `hashers`, and reports each chunk; returns its bytes. Rejects as the
 * body, the pace and `signal` do. The body is released in any case.
 */
export async function hashBody(
  body: ReadableStream<Uint8Array> | Chunks,
  hashers: readonly Pick<Hasher, 'update'>[],
  { name, size, signal, onProgress, pace }: HashBodyOptions,
): Promise<number> {
  let bytes = 0
  for await (const chunk of readChunks(toChunks(body))) {
    signal?.throwIfAborted()
    for (const hasher of hashers) await hasher.update(chunk)
    bytes += chunk.length
    const report = (done: number) => onProgress?.({ done, reading: { name, bytes, size } })
    report(chunk.length)
    await pace?.wait(chunk.length, report)
  }
  return bytes
}
