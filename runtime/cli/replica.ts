import { createReplica } from '../../functions/replica/replica.ts'
import { parseReplicaFlags } from '../node/configuration.ts'
import { createHasher } from '../node/hasher.ts'
import { createMetrics } from '../node/metrics.ts'
import { Refusal } from '../node/refusal.ts'
import { openTracing } from '../node/tracing.ts'
import type { Command } from './command.ts'
import { DOOR_OPTIONS, DOOR_USAGE, openDoor } from './doors.ts'
import { whileFilling } from './filling.ts'
import { say } from './io.ts'
import { openDirectory } from './replicas.ts'
import { createLog, LOG_OPTIONS, LOG_USAGE, runServer, toBoth } from './servers.ts'

/** `vouch replica`: one directory over HTTP. */
export const replica: Command = {
  usage: `vouch replica DIR [options]: serve the files below DIR to coordinators

  --port PORT    where to listen, 0 for any free port (6002)
  --host HOST    the address to listen on (127.0.0.1)
  --id ID        what this replica calls itself in its messages (replica)
  --index PATH   the directory that remembers digests, a file for each DIR (vouch in the user's cache directory)
${LOG_USAGE}${DOOR_USAGE}
Prints one line when it listens and one a request. SIGINT or SIGTERM ends it once the answers under way are
finished; a second one ends it at once.
`,
  options: {
    port: { type: 'string' },
    host: { type: 'string' },
    id: { type: 'string' },
    index: { type: 'string' },
    ...DOOR_OPTIONS,
    ...LOG_OPTIONS,
  },
  operands: { most: 1, name: 'DIR' },
  async run(flags, [directory], io) {
    const { host, port, id } = parseReplicaFlags(flags)
    if (!directory) throw new Refusal('replica takes DIR, the directory to serve, got none')
    const { tls, ...door } = openDoor(flags, host, io)
    const tracing = await openTracing(io.env, 'vouch-replica', (line) => say(io, line))
    const opened = openDirectory({ id, path: directory }, flags, io)
    const metrics = createMetrics([opened])
    const { log, isTraced } = createLog(flags, io)
    const app = createReplica(opened.storage, {
      createHasher,
      writable: flags['writable'] === true,
      log: toBoth(log, metrics.log),
      isTraced,
      around: tracing?.around,
      ...door,
    })
    metrics.mount(app)
    const toBanner = (url: string) => `replica ${id} listens on ${url}, serving ${directory}`
    return await whileFilling([opened], io, () => runServer(app, io, { host, port, tls, toBanner, tracing }))
  },
}
