import { dirname, join } from 'node:path'
import { startServer } from '../../runtime/cli/process.suite.ts'
import { describeScenarios } from '../scenarios/scenarios.suite.ts'
import { describeSockets } from '../scenarios/sockets.suite.ts'
import { type SocketWorld, type Trees, writeTrees } from '../scenarios/world.suite.ts'
import { startNginx, type WebServer, WITH_LISTINGS } from '../stores/web-servers.suite.ts'

/** Which programs, with their options, run the servers of the command; this Node where none is named. */
export interface Hosts {
  readonly coordinator: readonly string[]
  /** Whether it opens a directory of its own, as on three machines; else each replica is a server. */
  readonly hasDirectory: boolean
  /** Without it each replica is nginx. */
  readonly replica: readonly string[] | null
}

/** Every scenario with the servers of the command as processes of their own. */
export function describeProcesses(world: string, hosts: Hosts): void {
  async function start(trees: Trees): Promise<SocketWorld> {
    const { paths, remove } = await writeTrees(trees)
    const cwd = dirname(Object.values(paths)[0] ?? '')
    const replicas = new Map<string, Pick<WebServer, 'stop'>>()
    const words = Object.entries(paths).map(async ([id, path], i) => {
      if (i === 0 && hosts.hasDirectory) return `${id}=${path}`
      const server = hosts.replica
        ? await startServer(['replica', path, '--id', id], cwd, 0, hosts.replica)
        : await startNginx(join(cwd, `nginx-${id}`), path, WITH_LISTINGS)
      replicas.set(id, server)
      return `${id}=${hosts.replica ? server.url : `static+${server.url}/`}`
    })
    const args = (await Promise.all(words)).flatMap((word) => ['--replica', word])
    const coordinator = await startServer(['coordinator', '--single', ...args], cwd, 0, hosts.coordinator)
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
