import { type Chunks, through } from '../../bytes/chunks.ts'
import type { Calls } from '../../wire/prices.ts'

/** Counts the calls of one store, for all who use it. */
export type CallMeter = ReturnType<typeof createCallMeter>

export function createCallMeter() {
  const calls = { list: 0, head: 0, get: 0, put: 0, bytes: 0 }
  return {
    count(kind: Exclude<keyof Calls, 'bytes'>): void {
      calls[kind]++
    },
    /** `body`, whose bytes are counted as they pass. */
    countBytes: (body: Chunks): Chunks => through(body, (chunks) => passCounted(chunks, calls)),
    /** The calls so far. */
    read: (): Calls => ({ ...calls }),
  }
}

async function* passCounted(
  chunks: AsyncGenerator<Uint8Array>,
  calls: { bytes: number },
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    calls.bytes += chunk.length
    yield chunk
  }
}
