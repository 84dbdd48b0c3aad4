import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { type Ran, ROOT, run, withNode } from './installed.ts'

/** Where the package is installed, and the Node that runs it. */
export interface Installation {
  readonly directory: string
  readonly node: string
}

/** A server of the command, which listens. The caller stops it. */
export interface Server {
  readonly url: string
  /** Its output since it listens. */
  readonly lines: readonly string[]
  stop(): Promise<void>
}

/** Two replica servers and a coordinator of the installed command, over the sample files, each a process. */
export interface Cluster {
  readonly coordinator: Server
  /** Runs the command as a client of the coordinator, by default in a new directory. */
  ask(args: readonly string[], cwd?: string): Promise<Ran>
  stop(): Promise<void>
}

/** Starts the three. Rejects, with none left, when one of them does not listen. */
export async function startCluster(installation: Installation): Promise<Cluster> {
  const servers: Server[] = []
  const stop = async () => void (await Promise.all(servers.map((server) => server.stop())))
  const start = async (args: readonly string[]) => {
    const server = await startServer(installation, args)
    servers.push(server)
    return server
  }
  try {
    const replicas: string[] = []
    for (const id of ['server1', 'server2']) {
      const { url } = await start(['replica', join(ROOT, 'emulator/samples', id), '--id', id])
      replicas.push('--replica', `${id}=${url}`)
    }
    const coordinator = await start(['coordinator', ...replicas, '--log', 'json'])
    const ask: Cluster['ask'] = async (args, cwd) => {
      const place = cwd ?? (await mkdtemp(join(installation.directory, 'client-')))
      return await runVouch(installation, [...args, '--coordinator', coordinator.url], place)
    }
    return { coordinator, ask, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Runs the installed command to its end. */
export async function runVouch(
  installation: Installation,
  args: readonly string[],
  cwd = installation.directory,
): Promise<Ran> {
  return await run(toVouch(installation), args, { cwd, env: toEnv(installation) })
}

async function startServer(installation: Installation, args: readonly string[]): Promise<Server> {
  const child = spawn(toVouch(installation), [...args, '--port', '0'], {
    cwd: installation.directory,
    env: toEnv(installation),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  await once(child, 'spawn')
  const talk = text(child.stderr)
  const lines: string[] = []
  const reader = createInterface({ input: child.stdout })
  const banner = await Promise.race([once(reader, 'line'), once(reader, 'close')])
  const url = /https?:\/\/[\d.]+:\d+/.exec(String(banner[0]))?.[0]
  if (url === undefined) {
    await stop(child)
    throw new Error(`vouch ${args[0]} ended before it listened: ${await talk}`)
  }
  reader.on('line', (line) => lines.push(line))
  return { url, lines, stop: () => stop(child) }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill()
  await once(child, 'exit')
}

function toVouch({ directory }: Installation): string {
  return join(directory, 'node_modules/.bin/vouch')
}

/** Caches are beside the installation: no run touches the caches of its user. */
function toEnv({ directory, node }: Installation): NodeJS.ProcessEnv {
  const cache = join(directory, '.cache')
  return withNode(node, { ...process.env, XDG_CACHE_HOME: cache, NODE_COMPILE_CACHE: join(cache, 'node') })
}
