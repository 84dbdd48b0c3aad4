import { type Flags, parseSourceFlags, requireSeveral } from '../node/configuration.ts'
import { createHasher } from '../node/hasher.ts'
import { Refusal } from '../node/refusal.ts'
import { type Ask, createAsk } from './ask.ts'
import { openKeys, openTokens } from './doors.ts'
import type { Io } from './io.ts'
import { toMaxAgeQuery } from './max-age.ts'
import type { OwnDirectory } from './outside.ts'
import { openReplicas } from './replicas.ts'

/** Whom to ask, and what to add to the path of a compared read. Who opened it closes it. */
export interface Source {
  readonly ask: Ask
  readonly query: string
  /** Replicas that are directories of this machine, where no coordinator elsewhere is asked. */
  readonly directories: readonly OwnDirectory[]
  close(): Promise<void>
}

/** What a source is opened for. */
export interface SourceOptions {
  /** Whether whole trees will be asked for. */
  readonly isWhole?: boolean
  /** Whether copies will be compared, for which one replica is refused unless `--single` is there. */
  readonly isComparing?: boolean
}

/** The coordinator that the flags name, or one of our own over the replicas that they name. */
export async function openSource(
  flags: Flags,
  io: Io,
  { isWhole = false, isComparing = false }: SourceOptions = {},
): Promise<Source> {
  const source = parseSourceFlags(flags)
  if (isComparing && !flags['single'] && 'replicas' in source) requireSeveral(source.replicas)
  const token = openTokens(flags, 'token-file', 'VOUCH_TOKEN', io)
  const query = toQuery(source.require, flags)
  if ('coordinator' in source) {
    const { createFetch } = await import('../node/http-client.ts')
    const fetch = createFetch(openKeys(flags, io)?.get())
    const ask = createAsk(source.coordinator, { fetch, token: token?.first, signal: io.signal })
    return { ask, query, directories: [], async close() {} }
  }
  const { replicas, directories, close } = await openReplicas({ ...source, token, isWhole }, flags, io)
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
  return { ask, query, directories, close }
}

function toQuery(require: string | number | undefined, flags: Flags): string {
  const parameters = { ...(require !== undefined && { require: String(require) }), ...toMaxAgeQuery(flags) }
  return Object.keys(parameters).length === 0 ? '' : `?${new URLSearchParams(parameters)}`
}

/** Throws a Refusal when the coordinator has so few replicas that it compared nothing, and no flag says that this is meant. */
export function requireCompared({ length }: readonly unknown[], flags: Flags): void {
  if (length === 1 && !flags['single'])
    throw new Refusal(
      'the coordinator has one replica, which compares with nothing: start it with a second, or add --single if one is meant',
    )
}
