import { fileURLToPath } from 'node:url'
import { readVersion } from './load.ts'
import type { Processes, Running } from './processes.ts'

/** What a run works with. */
export interface Setting {
  /** A directory of its own, removed at the end. */
  readonly scratch: string
  readonly processes: Processes
  readonly rounds: number
  /** How long one row is loaded in one round. */
  readonly seconds: number
  /** The folder of the original scripts, where it was given. */
  readonly seedDirectory: string | undefined
  readonly sizes: Sizes
  /** Versions of what may be there or not. */
  readonly installed: Readonly<Record<'wrk' | 'nginx' | 'openssl' | 'curl' | 'python3', string | undefined>>
}

/** Bytes, and a number of files. */
export interface Sizes {
  /** The file that is downloaded whole. */
  readonly large: number
  /** The sparse file that is hashed while small ones are read. */
  readonly huge: number
  /** Different names read once each. */
  readonly names: number
}

export const FULL: Sizes = { large: 2 ** 30, huge: 20 * 2 ** 30, names: 100_000 }
export const QUICK: Sizes = { large: 64 * 2 ** 20, huge: 20 * 2 ** 30, names: 2000 }

/** What is installed here of what a run can use. */
export function findInstalled(): Setting['installed'] {
  return {
    wrk: readVersion('wrk', '-v'),
    nginx: readVersion('nginx', '-v'),
    openssl: readVersion('openssl', 'version'),
    curl: readVersion('curl', '--version'),
    python3: readVersion('python3', '--version'),
  }
}

const VOUCH = fileURLToPath(new URL('../runtime/cli/vouch.ts', import.meta.url))

/** How a server of vouch is started. */
export interface ServerOptions {
  /** Where what it remembers lies. */
  readonly cache: string
  /** Not to be waited for until it rests. */
  readonly busy?: boolean
}

/** Starts a replica server over `directory`. */
export async function startReplica(
  setting: Setting,
  name: string,
  directory: string,
  options: ServerOptions,
): Promise<Running> {
  return await startVouch(setting, name, ['replica', directory, '--id', name], options)
}

/** Starts a coordinator that compares `targets`, directories and URLs. */
export async function startCoordinator(
  setting: Setting,
  targets: readonly string[],
  options: ServerOptions,
): Promise<Running> {
  const replicas = targets.flatMap((target, i) => ['--replica', `server${i + 1}=${target}`])
  return await startVouch(setting, 'coordinator', ['coordinator', '--single', ...replicas], options)
}

async function startVouch(
  { processes }: Setting,
  name: string,
  args: readonly string[],
  { cache, busy }: ServerOptions,
): Promise<Running> {
  const env = { XDG_CACHE_HOME: cache }
  return await processes.start(name, process.execPath, [VOUCH, ...args, '--port', '0'], { env, busy })
}

/** A coordinator and the replica servers that it asks. */
export interface Cluster {
  readonly coordinator: Running
  readonly all: readonly Running[]
}

/** Starts a coordinator over its own directory `local` and one replica server over `remote`. */
export async function startPair(
  setting: Setting,
  [local = '', remote = '']: readonly string[],
  options: ServerOptions,
): Promise<Cluster> {
  const replica = await startReplica(setting, 'replica', remote, options)
  const coordinator = await startCoordinator(setting, [local, replica.url], options)
  return { coordinator, all: [coordinator, replica] }
}

/** Ends a cluster whole. */
export async function stopCluster({ all }: Cluster): Promise<void> {
  await Promise.all(all.map((server) => server.stop()))
}
