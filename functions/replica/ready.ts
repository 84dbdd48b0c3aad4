import type { Places } from '../storage/overlap.ts'
import { PROBE } from '../storage/probe.ts'
import type { Storage } from '../storage/storage.ts'
import { settle, toJson } from '../wire/app.ts'
import { SILENCE_MS } from '../wire/limits.ts'
import { toProblem } from '../wire/problems.ts'
import { StorageError } from '../wire/trouble.ts'
import { within } from '../wire/within.ts'

/**
 * `GET /readyz`: 200 with `places`, if there are any, when the storage answers a question within the time that a
 * coordinator waits; its error otherwise.
 */
export async function answerReadiness(
  storage: Storage,
  places: Places | undefined,
  signal: AbortSignal,
): Promise<Response> {
  const asked = storage.describe([PROBE], { signal })[0] ?? null
  const said = await within(SILENCE_MS, settle(Promise.resolve(asked)))
  if (said instanceof StorageError) return toProblem(said)
  if (said !== undefined) return toJson({ status: 'ready', ...(places && { places }) })
  return toProblem(new StorageError('unreachable', `the store was silent for ${SILENCE_MS / 1000} seconds`))
}
