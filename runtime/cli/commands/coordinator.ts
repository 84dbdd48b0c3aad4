import { once } from 'node:events'
import type { Replica } from '../../../functions/coordinator/ask/member.ts'
import { type CoordinatorOptions, createCoordinator } from '../../../functions/coordinator/coordinator.ts'
import {
  type VerifySchedule,
  verifyOnSchedule,
} from '../../../functions/coordinator/ledger/verify-schedule.ts'
import type { Audited } from '../../../functions/coordinator/observer.ts'
import { type CoordinatorState, createState } from '../../../functions/coordinator/state.ts'
import { PROBE } from '../../../functions/storage/probe.ts'
import { SILENCE_MS } from '../../../functions/wire/limits.ts'
import { isSilence, toStorageError } from '../../../functions/wire/storage-error.ts'
import { openAccess, openTokens } from '../../hosting/access.ts'
import { requireReplicas, toTimeouts } from '../../hosting/flags.ts'
import { type Io, isFirst, say } from '../../hosting/io.ts'
import { openSigners } from '../../hosting/keys.ts'
import { openNotifier } from '../../hosting/notify.ts'
import { type OpenedLedger, openLedger } from '../../hosting/open-ledger.ts'
import { openReplicas } from '../../hosting/open-replicas.ts'
import { formatTarget } from '../../hosting/replica-address.ts'
import { withBackgroundIndex } from '../../hosting/server/background-index.ts'
import { reloadOnHangup, runServer, toBoth } from '../../hosting/server/run-server.ts'
import { type ServerLog, withServerLog } from '../../hosting/server/server-log.ts'
import { createHasher } from '../../node/hasher.ts'
import { type CoordinatorMetrics, createCoordinatorMetrics } from '../../node/observe/metrics.ts'
import { openTracing } from '../../node/observe/tracing.ts'
import { UserError } from '../../node/user-error.ts'
import type { Arguments, Command } from '../options/command.ts'
import { readOptions } from '../options/declaration.ts'
import { COORDINATOR } from '../options/servers.ts'
import { readIgnored } from '../settings/ignore-file.ts'

export const coordinator: Command = {
  run: (given, io) => withServerLog(given, io, (io, log) => runCoordinator(given, io, log)),
}

async function runCoordinator(given: Arguments, io: Io, log: ServerLog): Promise<number> {
  const options = readOptions(COORDINATOR, given)
  const { host, port, require, writable, verify: every } = options
  const replicas = requireReplicas(options, given.label)
  const timeouts = toTimeouts(options)
  const signers = await openSigners(options.sign, replicas, io)
  const { access, tls, tokens } = openAccess(options, io)
  const token = openTokens(options.replicaTokenFile, io)
  const tracing = await openTracing(io.env, 'vouch-coordinator', (line) => say(io, line))
  const opened = await openReplicas({ ...options, replicas, timeouts, token }, io)
  const exclude = [...given.excluded, ...(await readIgnored(opened.directories, timeouts, io))]
  reloadOnHangup([tokens, tls, token, opened.keys], io)
  const { close: closeLedger, ...recording } = openLedger(replicas, opened.indexPath, io)
  if (every !== undefined && recording.ledger === undefined) {
    await opened.close()
    const advice = `${given.label('index')} names a directory for it`
    throw new UserError(`${given.label('verify')} needs a ledger, to note what was read; ${advice}`)
  }
  const ids = opened.replicas.map(({ id }) => id)
  const metrics = createCoordinatorMetrics(ids, opened.directories, opened.indexed, tls?.get)
  const notifier = openNotifier({ ...options, keys: opened.keys }, io)
  const state = await restoreState(recording, io, metrics)
  const onAudited = (audited: Audited, isNews = true) => {
    metrics.observer.onAudited(audited)
    log.audited(audited)
    if (audited.summary !== null && isNews) notifier?.audited(audited.summary)
  }
  const shared = { createHasher, exclude, deadlines: timeouts, ...recording, state }
  const app = createCoordinator(opened.replicas, {
    ...shared,
    require,
    writable,
    signers,
    verifiesEvery: every,
    defer: setImmediate,
    observer: { ...metrics.observer, onAudited },
    log: toBoth(log.request, metrics.log),
    isTraced: log.isTraced,
    around: tracing?.around,
    ...access,
  })
  metrics.mount(app, io.worker)
  const words = replicas.map(({ id, target }) => `${id}=${formatTarget(target)}`).join(', ')
  const toBanner = (url: string) => `coordinator listens on ${url}, comparing ${words}`
  const ending = new AbortController()
  const looked = isFirst(io) ? opened.replicas : []
  const looking = reportFailing(looked, io, { silence: timeouts.silence, signal: ending.signal })
  const stopping = AbortSignal.any([ending.signal, ...(io.signal ? [io.signal] : [])])
  const verification = metrics.watchVerification(recording.ledger, every)
  const verifying = verifyInBackground(opened.replicas, io, {
    options: { ...shared, observer: metrics.observer },
    schedule: { every, signal: stopping, onStep: onAudited, ...verification },
  })
  try {
    return await withBackgroundIndex(opened.directories, io, () =>
      runServer(app, io, { host, port, tls, log, toBanner, tracing }).finally(() => ending.abort()),
    )
  } finally {
    await Promise.all([looking, verifying])
    closeLedger()
    await opened.close()
  }
}

interface Verifying {
  readonly options: CoordinatorOptions & { readonly state: CoordinatorState }
  readonly schedule: Omit<VerifySchedule, 'every' | 'onNotice'> & { readonly every: number | undefined }
}

/** Verifies by the schedule, if there is one. Of several workers only the first does, once all listen. */
async function verifyInBackground(
  replicas: readonly Replica[],
  io: Io,
  { options, schedule: { every, ...schedule } }: Verifying,
): Promise<void> {
  const { ledger, state } = options
  if (every === undefined || ledger === undefined || !isFirst(io)) return
  const { signal } = schedule
  if (!signal.aborted) await Promise.race([io.worker?.ready, once(signal, 'abort')])
  const onNotice = (line: string) => say(io, line)
  await verifyOnSchedule(replicas, { ...options, ledger, state }, { ...schedule, every, onNotice })
}

/**
 * The state of a coordinator whose corrupt copies are those that the ledger knows, and which adds to them.
 */
async function restoreState(
  { ledger, onLedgerFailed }: Pick<OpenedLedger, 'ledger' | 'onLedgerFailed'>,
  io: Io,
  metrics: CoordinatorMetrics,
): Promise<CoordinatorState> {
  const attempt = async (work: Promise<void> | undefined) => await work?.catch(onLedgerFailed)
  const state = createState({
    onBreaker: metrics.observer.onBreaker,
    onCorrupt(copy) {
      metrics.onCorrupt(copy.id)
      say(io, `warning: ${copy.id}: the bytes of ${copy.name} contradict their digest: the copy is corrupt`)
      attempt(ledger?.noteCorrupt(copy))
    },
    onMended: (copy) => void attempt(ledger?.noteMended(copy)),
  })
  await attempt(ledger?.corrupt().then((copies) => state.corruptCopies.restore(copies)))
  return state
}

/**
 * Asks every replica once, and reports on `stderr` which do not answer, and why. The coordinator starts
 * without them, since they may come back while it runs. Resolves when all have answered, `silence`
 * milliseconds have passed, or `signal` has aborted. Never rejects.
 */
async function reportFailing(
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
      const subject = isSilence(reason) ? `${id} did not answer` : id
      say(io, `error: ${subject}: ${message}; reads do without it until that is fixed`)
    }
  }
  await Promise.all(replicas.map(look))
}
