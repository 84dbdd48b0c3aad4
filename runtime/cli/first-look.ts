import type { Replica } from '../../functions/coordinator/gather.ts'
import { PROBE } from '../../functions/storage/probe.ts'
import { SILENCE_MS } from '../../functions/wire/limits.ts'
import { isSilence, toStorageError } from '../../functions/wire/trouble.ts'
import { type Io, say } from './io.ts'

/**
 * Asks every replica once, and says on `stderr` which gives no answer, and why. Nothing is refused: a coordinator starts
 * without them, for they may be mended while it runs. Resolves when all have answered, or `silence` milliseconds passed,
 * or `signal` aborted. Never rejects.
 */
export async function reportFailing(
  replicas: readonly Replica[],
  io: Io,
  { silence = SILENCE_MS, signal }: { readonly silence?: number | undefined; readonly signal: AbortSignal },
): Promise<void> {
  const look = async ({ id, storage }: Replica): Promise<void> => {
    try {
      await storage.describe([PROBE], { signal: AbortSignal.any([signal, AbortSignal.timeout(silence)]) })[0]
    } catch (error) {
      if (signal.aborted) return
      const { reason, message } = toStorageError(error)
      const who = isSilence(reason) ? `${id} did not answer` : id
      say(io, `error: ${who}: ${message}; reads do without it until that is mended`)
    }
  }
  await Promise.all(replicas.map(look))
}
