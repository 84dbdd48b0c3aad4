import { toChunks, toStream } from '../../functions/storage/streams.ts'
import { type Flags, parseSourceFlags } from '../node/configuration.ts'
import { createHasher } from '../node/hasher.ts'
import { type Ask, createAsk } from './ask.ts'
import { openKeys, openTokens } from './doors.ts'
import type { Io } from './io.ts'
import { openReplicas } from './replicas.ts'

/** Whom to ask, and what to add to the path of a compared read. Who opened it closes it. */
export interface Source {
  readonly ask: Ask
  readonly query: string
  close(): Promise<void>
}

/**
 * The coordinator that the flags name, or one of our own over the replicas that they name. `isWhole` says that whole
 * trees will be asked for.
 */
export async function openSource(flags: Flags, io: Io, { isWhole = false } = {}): Promise<Source> {
  const source = parseSourceFlags(flags)
  const token = openTokens(flags, 'token-file', 'VOUCH_TOKEN', io)
  const query = source.require === undefined ? '' : `?require=${source.require}`
  if ('coordinator' in source) {
    const { createFetch } = await import('../node/http-client.ts')
    const fetch = createFetch(openKeys(flags, io))
    const ask = createAsk(source.coordinator, { fetch, token: token?.first, signal: io.signal })
    return { ask, query, async close() {} }
  }
  const { replicas, close } = await openReplicas({ ...source, token, isWhole }, flags, io)
  const { createCoordinator } = await import('../../functions/coordinator/coordinator.ts')
  const app = createCoordinator(replicas, {
    createHasher,
    deadlines: source.timeouts,
    writable: flags['writable'] === true,
  })
  // Nothing is looked up or connected to: the address only makes requests whole.
  const ask = createAsk('http://localhost', {
    fetch: async (request) => endWith(await unlessEnded(app.fetch(request), io.signal), io.signal),
    signal: io.signal,
  })
  return { ask, query, close }
}

/** An answer of our own coordinator, which is not waited for when the command is to end; it is freed when it comes. */
async function unlessEnded(
  answer: Response | Promise<Response>,
  signal: AbortSignal | undefined,
): Promise<Response> {
  const { promise: ended, reject } = Promise.withResolvers<never>()
  const end = () => reject(signal?.reason)
  signal?.throwIfAborted()
  signal?.addEventListener('abort', end, { once: true })
  try {
    return await Promise.race([answer, ended])
  } catch (error) {
    if (signal?.aborted) Promise.resolve(answer).then(drop, () => {})
    throw error
  } finally {
    signal?.removeEventListener('abort', end)
  }
}

async function drop({ body }: Response): Promise<void> {
  await body?.cancel().catch(() => {})
}

/** An answer of our own coordinator, whose body is left when the command is to end, as that of one elsewhere is. */
function endWith(response: Response, signal: AbortSignal | undefined): Response {
  const { body, status, headers } = response
  if (body === null || signal === undefined) return response
  return new Response(toStream(toChunks(body), signal), { status, headers })
}
