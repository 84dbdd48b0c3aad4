import { dirname } from 'node:path'
import { startServer } from '../../runtime/cli/process.suite.ts'
import { describeScenarios } from '../scenarios/scenarios.suite.ts'
import { describeSockets } from '../scenarios/sockets.suite.ts'
import { type SocketWorld, type Trees, writeTrees } from '../scenarios/world.suite.ts'

/** Every scenario with the servers of the command as processes of their own, which `host` runs: a program and its options. */
export function describeProcesses(world: string, host: readonly string[]): void {
  async function start(trees: Trees): Promise<SocketWorld> {
    const { paths, remove } = await writeTrees(trees)
    const [[first = '', own = ''] = [], ...others] = Object.entries(paths)
    const cwd = dirname(own)
    const started = others.map(
      async ([id, path]) => [id, await startServer(['replica', path, '--id', id], cwd, 0, host)] as const,
    )
    const replicas = new Map(await Promise.all(started))
    const words = [...replicas].flatMap(([id, { url }]) => ['--replica', `${id}=${url}`])
    const args = ['coordinator', '--replica', `${first}=${own}`, ...words]
    const coordinator = await startServer(args, cwd, 0, host)
    return {
      url: coordinator.url,
      fetch: (path, init) => fetch(coordinator.url + path, init),
      stop: async (id) => replicas.get(id)?.stop(),
      async close() {
        await Promise.all([coordinator, ...replicas.values()].map((server) => server.stop()))
        await remove()
      },
    }
  }

  describeScenarios(world, start)
  describeSockets(world, start)
}
