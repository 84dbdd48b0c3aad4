import { createCoordinator } from '../../functions/coordinator/coordinator.ts'
import { createReplica } from '../../functions/replica/replica.ts'
import { createRemoteStorage } from '../../functions/storage/remote/remote.ts'
import { createDirectoryStorage } from '../../runtime/node/directory-storage.ts'
import { createHasher } from '../../runtime/node/hasher.ts'
import { type Served, serve } from '../../runtime/node/http/serve.ts'
import { describeScenarios } from './scenarios.suite.ts'
import { describeSockets } from './sockets.suite.ts'
import { type SocketWorld, type Trees, writeTrees } from './world.suite.ts'

const LOOPBACK = { host: '127.0.0.1', port: 0 }

/** The first directory is the coordinator's own, as in the three-machine set-up; the others are servers. */
async function start(trees: Trees): Promise<SocketWorld> {
  const { paths, remove } = await writeTrees(trees)
  const servers = new Map<string, Served>()
  const replicas = []
  for (const [id, path] of Object.entries(paths)) {
    const storage = createDirectoryStorage(path)
    if (replicas.length === 0) {
      replicas.push({ id, storage })
      continue
    }
    const app = createReplica(storage)
    const server = await serve((request) => app.fetch(request), LOOPBACK)
    servers.set(id, server)
    replicas.push({ id, storage: createRemoteStorage(server.url) })
  }
  const app = createCoordinator(replicas, { createHasher })
  const coordinator = await serve((request) => app.fetch(request), LOOPBACK)
  return {
    url: coordinator.url,
    fetch: (path, init) => fetch(coordinator.url + path, init),
    stop: async (id) => servers.get(id)?.close(),
    async close() {
      await Promise.all([coordinator, ...servers.values()].map((server) => server.close()))
      remove()
    },
  }
}

describeScenarios('on Node, over sockets', start)
describeSockets('on Node, over sockets', start)
