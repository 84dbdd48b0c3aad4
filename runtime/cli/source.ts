import { toChunks, toStream } from '../../functions/storage/streams.ts'
import { type Flags, parseSourceFlags } from '../node/configuration.ts'
import { createHasher } from '../node/hasher.ts'
import { type Ask, createAsk } from './ask.ts'
import { KEY_OPTIONS, KEY_USAGE, openKeys, openTokens } from './doors.ts'
import type { Io } from './io.ts'
import { openReplicas, TIMEOUT_OPTIONS } from './replicas.ts'

/** The options that say whom a command asks. */
export const SOURCE_OPTIONS = {
  coordinator: { type: 'string' },
  replica: { type: 'string', multiple: true },
  ...TIMEOUT_OPTIONS,
  index: { type: 'string' },
  'token-file': { type: 'string' },
  ...KEY_OPTIONS,
} as const

export const SOURCE_USAGE = `  --coordinator URL     whom to ask (http://127.0.0.1:6001)
  --replica ID=TARGET   compare these instead, with no coordinator: a path, a file:/// URL, the http(s) URL of a
                        replica server, or s3://BUCKET/PREFIX; once for each
  --connect-timeout S, --silence-timeout S, --answer-timeout S
                        seconds that a replica may take, as of vouch coordinator (4, 10, 900)
  --index PATH          the directory that remembers the digests of directories and buckets, a file for each
                        (vouch in the user's cache directory)
  --token-file PATH     the token to show, the first of the file (VOUCH_TOKEN)
${KEY_USAGE}`

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
    fetch: async (request) => endWith(await app.fetch(request), io.signal),
    signal: io.signal,
  })
  return { ask, query, close }
}

/** An answer of our own coordinator, whose body is left when the command is to end, as that of one elsewhere is. */
function endWith(response: Response, signal: AbortSignal | undefined): Response {
  const { body, status, headers } = response
  if (body === null || signal === undefined) return response
  return new Response(toStream(toChunks(body), signal), { status, headers })
}
