import { createCoordinator } from '../../functions/coordinator/coordinator.ts'
import { createReplica } from '../../functions/replica/replica.ts'
import { createMemoryStorage } from '../../functions/storage/memory.ts'
import { createRemoteStorage, type Send } from '../../functions/storage/remote/remote.ts'
import { createHasher } from '../../runtime/node/hasher.ts'
import { describeScenarios } from './scenarios.suite.ts'
import type { Trees, World } from './world.suite.ts'

async function start(trees: Trees): Promise<World> {
  const stopped = new Set<string>()
  const replicas = Object.entries(trees).map(([id, files]) => {
    const app = createReplica(createMemoryStorage(files))
    const fetch: Send = async (url, init) => {
      if (stopped.has(id)) throw new TypeError('fetch failed')
      return await app.fetch(new Request(url, init))
    }
    return { id, storage: createRemoteStorage(`http://${id}.invalid`, { fetch }) }
  })
  const app = createCoordinator(replicas, { createHasher })
  return {
    fetch: async (path, init) => await app.fetch(new Request(`http://coordinator.invalid${path}`, init)),
    stop: async (id) => void stopped.add(id),
    close: async () => {},
  }
}

describeScenarios('in process', start)
