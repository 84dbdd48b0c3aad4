import { createCoordinator } from '../../functions/coordinator/coordinator.ts'
import { parseCoordinatorFlags, type Target } from '../node/configuration.ts'
import { createHasher } from '../node/hasher.ts'
import { createCoordinatorMetrics } from '../node/metrics.ts'
import { openTracing } from '../node/tracing.ts'
import type { Command } from './command.ts'
import { DOOR_OPTIONS, DOOR_USAGE, KEY_OPTIONS, KEY_USAGE, openDoor, openTokens } from './doors.ts'
import { whileFilling } from './filling.ts'
import { say } from './io.ts'
import { openReplicas, TIMEOUT_OPTIONS } from './replicas.ts'
import { createLog, LOG_OPTIONS, LOG_USAGE, runServer, toBoth } from './servers.ts'

/** `vouch coordinator`: compares replicas for clients. */
export const coordinator: Command = {
  usage: `vouch coordinator --replica ID=TARGET... [options]: compare replicas for clients

  --replica ID=TARGET   a place that keeps copies; TARGET is a path, a file:/// URL, or the http(s) URL of a
                        replica server; once for each
  --require N           how many replicas must answer: all, majority or a number (1)
  --connect-timeout S   seconds that a connection to a replica server may take to come about (4)
  --silence-timeout S   seconds that a replica may go without a sign of life (10)
  --answer-timeout S    seconds that the answer of a replica may take, hashing included (900)
  --port PORT           where to listen, 0 for any free port (6001)
  --host HOST           the address to listen on (127.0.0.1)
  --index PATH          the directory that remembers the digests of replicas that are directories, a file for each
                        (vouch in the user's cache directory)
${LOG_USAGE}${DOOR_USAGE}  --replica-token-file PATH
                        the token to show to replica servers, the first of the file (VOUCH_REPLICA_TOKEN)
${KEY_USAGE}
Prints one line when it listens and one a request. SIGINT or SIGTERM ends it once the answers under way are
finished; a second one ends it at once.
`,
  options: {
    replica: { type: 'string', multiple: true },
    require: { type: 'string' },
    ...TIMEOUT_OPTIONS,
    port: { type: 'string' },
    host: { type: 'string' },
    index: { type: 'string' },
    ...DOOR_OPTIONS,
    ...LOG_OPTIONS,
    'replica-token-file': { type: 'string' },
    ...KEY_OPTIONS,
  },
  operands: { most: 0, name: 'option after another' },
  async run(flags, _operands, io) {
    const { host, port, replicas, require, timeouts } = parseCoordinatorFlags(flags)
    const { tls, ...door } = openDoor(flags, host, io)
    const token = openTokens(flags, 'replica-token-file', 'VOUCH_REPLICA_TOKEN', io)
    const tracing = await openTracing(io.env, 'vouch-coordinator', (line) => say(io, line))
    const opened = await openReplicas({ replicas, timeouts, token }, flags, io)
    const ids = opened.replicas.map(({ id }) => id)
    const metrics = createCoordinatorMetrics(ids, opened.directories)
    const { log, isTraced } = createLog(flags, io)
    const app = createCoordinator(opened.replicas, {
      createHasher,
      require,
      deadlines: timeouts,
      writable: flags['writable'] === true,
      defer: setImmediate,
      onCorrupt(id, name) {
        metrics.onCorrupt(id)
        say(io, `${id}: the bytes of ${name} contradict their digest: the copy is corrupt`)
      },
      observer: metrics.observer,
      log: toBoth(log, metrics.log),
      isTraced,
      around: tracing?.around,
      ...door,
    })
    metrics.mount(app)
    const words = replicas.map(({ id, target }) => `${id}=${toWord(target)}`).join(', ')
    const toBanner = (url: string) => `coordinator listens on ${url}, comparing ${words}`
    return await whileFilling(opened.directories, io, () =>
      runServer(app, io, { host, port, tls, toBanner, tracing }),
    )
  },
}

function toWord(target: Target): string {
  return target.kind === 'remote' ? target.url : target.path
}
