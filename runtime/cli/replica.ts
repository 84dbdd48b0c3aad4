import { createReplica } from '../../functions/replica/replica.ts'
import { parseReplicaFlags } from '../node/configuration.ts'
import { Refusal } from '../node/refusal.ts'
import type { Command } from './command.ts'
import { openDirectory } from './replicas.ts'
import { createLog, runServer } from './servers.ts'

/** `vouch replica`: one directory over HTTP. */
export const replica: Command = {
  usage: `vouch replica DIR [options]: serve the files below DIR to coordinators

  --port PORT    where to listen, 0 for any free port (6002)
  --host HOST    the address to listen on (127.0.0.1)
  --id ID        what this replica calls itself in its messages (replica)

Prints one line when it listens and one a request. SIGINT or SIGTERM ends it once the answers under way are
finished; a second one ends it at once.
`,
  options: { port: { type: 'string' }, host: { type: 'string' }, id: { type: 'string' } },
  operands: { most: 1, name: 'DIR' },
  async run(flags, [directory], io) {
    const { host, port, id } = parseReplicaFlags(flags)
    if (!directory) throw new Refusal('replica takes DIR, the directory to serve, got none')
    const app = createReplica(openDirectory(directory, io.cwd), { log: createLog(io) })
    const toBanner = (url: string) => `replica ${id} listens on ${url}, serving ${directory}`
    return await runServer(app, io, { host, port, toBanner })
  },
}
