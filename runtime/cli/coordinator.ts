import { createCoordinator } from '../../functions/coordinator/coordinator.ts'
import { type Flags, parseCoordinatorFlags, type Target } from '../node/configuration.ts'
import { createHasher } from '../node/hasher.ts'
import { createCoordinatorMetrics } from '../node/metrics.ts'
import { openTracing } from '../node/tracing.ts'
import type { Command } from './command.ts'
import { openDoor, openTokens } from './doors.ts'
import { whileFilling } from './filling.ts'
import { reportFailing } from './first-look.ts'
import { type Io, say } from './io.ts'
import { openReplicas } from './replicas.ts'
import type { ServerLog } from './server-log.ts'
import { reloadOnHangup, runServer, toBoth, withServerLog } from './servers.ts'

/** `vouch coordinator`: compares replicas for clients. */
export const coordinator: Command = {
  run: (flags, _operands, io) => withServerLog(flags, io, (io, log) => runCoordinator(flags, io, log)),
}

async function runCoordinator(flags: Flags, io: Io, log: ServerLog): Promise<number> {
  const { host, port, replicas, require, timeouts } = parseCoordinatorFlags(flags)
  const { door, tls, tokens } = openDoor(flags, host, io)
  const token = openTokens(flags, 'replica-token-file', 'VOUCH_REPLICA_TOKEN', io)
  const tracing = await openTracing(io.env, 'vouch-coordinator', (line) => say(io, line))
  const opened = await openReplicas({ replicas, timeouts, token }, flags, io)
  reloadOnHangup([tokens, tls, token, opened.keys], io)
  const ids = opened.replicas.map(({ id }) => id)
  const metrics = createCoordinatorMetrics(ids, opened.directories, opened.indexed, tls?.get)
  const app = createCoordinator(opened.replicas, {
    createHasher,
    require,
    deadlines: timeouts,
    writable: flags['writable'] === true,
    defer: setImmediate,
    onCorrupt(id, name) {
      metrics.onCorrupt(id)
      say(io, `warning: ${id}: the bytes of ${name} contradict their digest: the copy is corrupt`)
    },
    observer: {
      ...metrics.observer,
      onAudited(audited) {
        metrics.observer.onAudited(audited)
        log.audited(audited)
      },
    },
    log: toBoth(log.request, metrics.log),
    isTraced: log.isTraced,
    around: tracing?.around,
    ...door,
  })
  metrics.mount(app)
  const words = replicas.map(({ id, target }) => `${id}=${toWord(target)}`).join(', ')
  const toBanner = (url: string) => `coordinator listens on ${url}, comparing ${words}`
  const ending = new AbortController()
  const looking = reportFailing(opened.replicas, io, { silence: timeouts.silence, signal: ending.signal })
  try {
    return await whileFilling(opened.directories, io, () =>
      runServer(app, io, { host, port, tls, log, toBanner, tracing }).finally(() => ending.abort()),
    )
  } finally {
    await looking
    await opened.close()
  }
}

function toWord(target: Target): string {
  if (target.kind === 's3') return `s3://${target.word.bucket}/${target.word.root}`
  if (target.kind === 'static') return `static+${target.url}`
  return target.kind === 'remote' ? target.url : target.path
}
