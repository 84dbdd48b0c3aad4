import { createReplica } from '../../functions/replica/replica.ts'
import { parseReplicaFlags } from '../node/configuration.ts'
import { createHasher } from '../node/hasher.ts'
import { createMetrics } from '../node/metrics.ts'
import { Refusal } from '../node/refusal.ts'
import { openTracing } from '../node/tracing.ts'
import type { Command } from './command.ts'
import { openDoor } from './doors.ts'
import { whileFilling } from './filling.ts'
import { say } from './io.ts'
import { openDirectory } from './replicas.ts'
import { createLog, runServer, toBoth } from './servers.ts'

/** `vouch replica`: one directory over HTTP. */
export const replica: Command = {
  async run(flags, [directory], io) {
    const { host, port, id } = parseReplicaFlags(flags)
    if (!directory)
      throw new Refusal(
        'replica takes DIR, the directory to serve, got none; vouch replica . serves this one',
      )
    const { tls, ...door } = openDoor(flags, host, io)
    const opened = openDirectory({ id, path: directory }, flags, io)
    const metrics = createMetrics([opened])
    const { log, isTraced } = createLog(flags, io)
    const tracing = await openTracing(io.env, 'vouch-replica', (line) => say(io, line))
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
