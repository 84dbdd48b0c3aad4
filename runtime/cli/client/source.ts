import { TrieRouter } from 'hono/router/trie-router'
import type { Require } from '../../../functions/coordinator/parameters.ts'
import { findRecords } from '../../../functions/coordinator/repair/plan.ts'
import { NAME_RULE, parseName } from '../../../functions/storage/names.ts'
import { openKeys, openTokens } from '../../hosting/access.ts'
import { toFlagLabel, type Values } from '../../hosting/flag.ts'
import { type SOURCE_FLAGS, toSource, toTimeouts } from '../../hosting/flags.ts'
import type { Io } from '../../hosting/io.ts'
import { openLedger } from '../../hosting/open-ledger.ts'
import { openReplicas, type Reads } from '../../hosting/open-replicas.ts'
import type { OwnDirectory } from '../../hosting/outside.ts'
import { requireSeveral } from '../../hosting/replica-address.ts'
import { module } from '../../hosting/stores/module.ts'
import { createHasher } from '../../node/hasher.ts'
import { UserError } from '../../node/user-error.ts'
import { SILENT_COORDINATOR_MS } from '../limits.ts'
import { type CoordinatorClient, createCoordinatorClient } from './coordinator-client.ts'
import { replaceGlobals } from './light-globals.ts'
import { createLocalSend } from './local-send.ts'

/** A coordinator to ask, and the query of its compared reads. */
export interface Source {
  readonly ask: CoordinatorClient
  readonly query: string
  /** Replicas that are directories of this machine; empty when a coordinator elsewhere is asked. */
  readonly directories: readonly OwnDirectory[]
  /** The ids of replicas that are lists; empty when a coordinator elsewhere is asked. */
  readonly records: ReadonlySet<string>
  /**
   * Globs of names that settings exclude, and that each question has to name: a coordinator elsewhere may
   * have others.
   */
  readonly excluded: readonly string[]
  close(): Promise<void>
}

/** The flags of a command that choose what to ask, and how. */
interface SourceOptions extends Values<typeof SOURCE_FLAGS> {
  readonly require?: Require | undefined
  readonly maxAge?: number | undefined
  readonly deep?: boolean
  readonly prove?: number | undefined
  readonly confidence?: unknown
  readonly single?: boolean
  readonly writable?: boolean
  /** The paths of the keys by which a coordinator in this process signs. */
  readonly sign?: readonly string[]
  /** Globs of names that settings exclude. */
  readonly excluded?: readonly string[]
}

interface Purpose {
  /** What will be read; 'files' when absent. */
  readonly reads?: Reads
  /** Whether copies will be compared: a single replica is then refused without `--single`. */
  readonly isComparing?: boolean
}

/** Runs `work` with the coordinator that the flags name, or with one in this process over their replicas. */
export async function withSource(
  options: SourceOptions,
  io: Io,
  purpose: Purpose,
  work: (source: Source) => Promise<number>,
): Promise<number> {
  const source = await openSource(options, io, purpose)
  try {
    return await work(source)
  } finally {
    await source.close()
  }
}

async function openSource(
  options: SourceOptions,
  io: Io,
  { reads = 'files', isComparing = false }: Purpose,
): Promise<Source> {
  const { writable, excluded = [] } = options
  const source = toSource(options, options.require)
  if (options.sign?.length && 'coordinator' in source)
    throw new UserError('--sign needs --replica; a coordinator signs when it was itself started with --sign')
  if (isComparing && !options.single && 'replicas' in source) requireSeveral(source.replicas, toFlagLabel)
  const token = openTokens(options.tokenFile, io)
  const query = toQuery(options)
  if ('coordinator' in source) {
    const { createSend } = await import('../../node/http/http-client.ts')
    const send = createSend({ tls: openKeys(options, io)?.get(), silenceMs: SILENT_COORDINATOR_MS })
    const ask = createCoordinatorClient(source.coordinator, { send, token: token?.first, signal: io.signal })
    return { ask, query, directories: [], records: new Set(), excluded, async close() {} }
  }
  const { sign = [] } = options
  const signers =
    sign.length === 0
      ? []
      : await (await import('../../hosting/keys.ts')).openSigners(sign, source.replicas, io)
  // A module of the user's may need what the light ones lack.
  const hasModule = source.replicas.some(({ target }) => target.kind === 'store' && target.scheme === module)
  if (io.isOwnProcess && !hasModule) replaceGlobals({ writes: writable === true })
  const timeouts = toTimeouts(options)
  const isProof = options.prove !== undefined || options.confidence !== undefined
  const isDeep = options.deep || options.maxAge !== undefined || isProof
  const opening = {
    ...options,
    ...source,
    timeouts,
    token,
    reads: isDeep && reads === 'trees' ? 'bytes' : reads,
  }
  const { replicas, directories, indexPath, close } = await openReplicas(opening, io)
  const ignored =
    reads === 'files'
      ? []
      : await (await import('../settings/ignore-file.ts')).readIgnored(directories, timeouts, io)
  const { createCoordinator } = await import('../../../functions/coordinator/coordinator.ts')
  const { ledger, onLedgerFailed, close: closeLedger } = openLedger(source.replicas, indexPath, io)
  const app = createCoordinator(replicas, {
    ...{ createHasher, ledger, onLedgerFailed, signers },
    ...{ deadlines: timeouts, writable, exclude: [...excluded, ...ignored] },
    router: new TrieRouter(),
  })
  const send = createLocalSend((request) => app.fetch(request))
  // Never connected to: a Request needs an absolute URL.
  const ask = createCoordinatorClient('http://localhost', { send, signal: io.signal })
  const closeAll = async () => {
    closeLedger()
    await close()
  }
  return { ask, query, directories, records: findRecords(replicas), excluded: [], close: closeAll }
}

/** The parameter `max-age`, if `--max-age` or `--deep` is set. Throws a UserError when they contradict. */
export function toMaxAgeQuery({ maxAge, deep = false }: Pick<SourceOptions, 'maxAge' | 'deep'>) {
  if (deep && maxAge !== undefined && maxAge !== 0)
    throw new UserError(`--deep means --max-age 0, got also --max-age ${maxAge}s; leave one of them out`)
  const seconds = maxAge ?? (deep ? 0 : undefined)
  return { ...(seconds !== undefined && { 'max-age': String(seconds) }) }
}

function toQuery({ require, ...options }: SourceOptions): string {
  const parameters = { ...(require !== undefined && { require: String(require) }), ...toMaxAgeQuery(options) }
  return Object.keys(parameters).length === 0 ? '' : `?${new URLSearchParams(parameters)}`
}

/** Throws a UserError when the coordinator has a single replica and `--single` is not set. */
export function requireCompared(
  { length }: readonly unknown[],
  { single }: Pick<SourceOptions, 'single'>,
): void {
  if (length === 1 && !single)
    throw new UserError(
      'the coordinator has one replica, which compares with nothing: start it with a second, or add --single if one is intended',
    )
}

/** The name of a file that is an operand of `command`; throws a UserError when it is missing or not valid. */
export function requireName(text: string | undefined, command: string): string {
  if (text === undefined || text === '')
    throw new UserError(
      `${command} takes the name of a file, got none; write it behind the command, as in vouch ${command} NAME`,
    )
  const name = parseName(text)
  if (name !== null) return name
  if (text.endsWith('/') && parseName(text.slice(0, -1)) !== null)
    throw new UserError(`'${text}' is a folder; ${command} takes one file`)
  throw new UserError(`'${text}' is not a valid name of a file: ${NAME_RULE}`)
}

/** Throws a UserError unless `--replica` and `--writable` are both set or neither; `what` names the write. */
export function requireWritable(
  { replica, writable }: Pick<SourceOptions, 'replica' | 'writable'>,
  what: string,
): void {
  if (replica.length > 0 && !writable) throw new UserError(`${what}: add --writable to allow it`)
  if (replica.length === 0 && writable)
    throw new UserError(
      '--writable needs --replica; a coordinator accepts writes when it was itself started with --writable',
    )
}
