import { startEmulator } from '../../emulator/emulator.ts'
import { describeScenarios } from './scenarios.suite.ts'
import { describeSockets } from './sockets.suite.ts'
import { type SocketWorld, type Trees, writeTrees } from './world.suite.ts'

async function start(trees: Trees): Promise<SocketWorld> {
  const { paths, remove } = await writeTrees(trees)
  const emulator = await startEmulator({ replicas: paths })
  return {
    url: emulator.url,
    fetch: emulator.fetch,
    stop: (id) => emulator.setFault(id, { type: 'down' }),
    async close() {
      await emulator.close()
      remove()
    },
  }
}

describeScenarios('in workerd, without nodejs_compat', start)
describeSockets('in workerd, without nodejs_compat', start)
