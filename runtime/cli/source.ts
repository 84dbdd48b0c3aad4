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
    const fetch = createFetch(openKeys(flags, io)?.get())
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
    fetch: async (request) => await app.fetch(request),
    signal: io.signal,
  })
  return { ask, query, close }
}
