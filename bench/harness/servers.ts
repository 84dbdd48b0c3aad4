import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { flipLastByte, settle, toName, writeContent, writeTrees } from './files.ts'
import { findFreePort, type Server, type StartOptions, type Workshop } from './processes.ts'
import { once } from './runner.ts'

/** Names in every tree of the stage: the same everywhere, and another in the first tree. */
export const SMALL = toName(0)
export const CONFLICT = toName(1)
/** The large file of the first two trees. */
export const LARGE = 'large.bin'
export const SMALL_BYTES = 1024

const SOURCES = fileURLToPath(new URL('../../runtime/cli/vouch.ts', import.meta.url))
const TREES = 5

/** How a server of vouch is started. */
export interface VouchOptions extends StartOptions {
  /** The program; the sources of this checkout when absent. */
  readonly program?: string
  /** The directory of its index. */
  readonly cache: string
}

/** Starts a replica server over `directory`. */
export async function startReplica(
  workshop: Workshop,
  name: string,
  directory: string,
  { program = SOURCES, cache, ...options }: VouchOptions,
): Promise<Server> {
  const args = [program, 'replica', directory, '--id', name, '--port', '0']
  return await workshop.start(name, process.execPath, args, { env: { XDG_CACHE_HOME: cache }, ...options })
}

/** Starts a coordinator that compares `targets`, directories and URLs. */
export async function startCoordinator(
  workshop: Workshop,
  targets: readonly string[],
  { program = SOURCES, cache, ...options }: VouchOptions,
): Promise<Server> {
  const replicas = targets.flatMap((target, i) => ['--replica', `server${i + 1}=${target}`])
  const args = [program, 'coordinator', '--single', ...replicas, '--port', '0']
  return await workshop.start('coordinator', process.execPath, args, {
    env: { XDG_CACHE_HOME: cache },
    ...options,
  })
}

/**
 * A coordinator over its own directory `local` and a replica server over `remote`; the coordinator is the
 * first.
 */
export async function startPair(
  workshop: Workshop,
  [local = '', remote = '']: readonly string[],
  options: VouchOptions,
): Promise<Cluster> {
  const replica = await startReplica(workshop, 'replica', remote, options)
  return [await startCoordinator(workshop, [local, replica.url], options), replica]
}

/** The server that clients ask, then those that it asks. */
export type Cluster = readonly [Server, ...Server[]]

/** Runs `work` with a pair that ends afterwards. */
export async function withPair<T>(
  workshop: Workshop,
  trees: readonly string[],
  options: VouchOptions,
  work: (cluster: Cluster) => Promise<T>,
): Promise<T> {
  const cluster = await startPair(workshop, trees, options)
  try {
    return await work(cluster)
  } finally {
    await Promise.all(cluster.map((server) => server.stop()))
  }
}

/** What several rows share; each is made or started at its first use. */
export type Stage = ReturnType<typeof createStage>

/** `seedDirectory` is the folder of the original scripts; `largeBytes` the size of LARGE. */
export function createStage(workshop: Workshop, largeBytes: number, seedDirectory = '') {
  const { scratch } = workshop
  const cache = join(scratch, 'cache')

  const trees = once(async () => {
    const all = Array.from({ length: TREES }, (_, i) => join(scratch, 'trees', String(i + 1)))
    writeTrees(all, { files: 2, sizeOf: () => SMALL_BYTES })
    flipLastByte(join(all[0] ?? '', CONFLICT))
    await settle()
    return all
  })
  const large = once(async () => {
    const paths = (await trees()).slice(0, 2).map((tree) => join(tree, LARGE))
    await writeLarge(paths, largeBytes)
    return paths
  })
  // The trees of replica servers whose coordinator has no directory of its own.
  const replicas = [2, 3, 4].map((tree, i) =>
    once(async () => await startReplica(workshop, `replica${i + 1}`, (await trees())[tree] ?? '', { cache })),
  )
  const startRemote = async (count: number): Promise<Cluster> => {
    const started = await Promise.all(replicas.slice(0, count).map((start) => start()))
    const urls = started.map(({ url }) => url)
    return [await startCoordinator(workshop, urls, { cache }), ...started]
  }
  const startYardstick = async (name: string, ...args: string[]): Promise<Cluster> => {
    const program = fileURLToPath(new URL('../floors/yardstick-server.ts', import.meta.url))
    return [await workshop.start(name, process.execPath, [program, name, ...args])]
  }

  return {
    trees,
    large,
    pair: once(async () => await startPair(workshop, await trees(), { cache })),
    one: once(() => startRemote(1)),
    three: once(() => startRemote(replicas.length)),
    bare: once(
      async () => await startYardstick('node', String(SMALL_BYTES), join((await trees())[0] ?? '', LARGE)),
    ),
    hono: once(() => startYardstick('hono')),
    seed: once(async () => await startSeed(workshop, await trees(), seedDirectory)),
  }
}

/**
 * Writes the same large file to each path, and waits until it is old enough for its digest to be remembered.
 */
export async function writeLarge([first = '', ...others]: readonly string[], bytes: number): Promise<void> {
  writeContent(first, 0, bytes)
  for (const other of others) copyFileSync(first, other)
  await settle()
}

/**
 * Starts copies of the original scripts, over the small files of `trees`; `server1` answers clients and asks
 * `server2`. They are changed in three places: both port numbers, and the address that they listen on, which
 * becomes 127.0.0.1.
 */
async function startSeed(workshop: Workshop, trees: readonly string[], seed: string): Promise<Cluster> {
  const cwd = join(workshop.scratch, 'seed')
  const [port1, port2] = [await findFreePort(), await findFreePort()]
  for (const [i, name] of ['server1', 'server2'].entries()) {
    mkdirSync(join(cwd, `${name}_files`), { recursive: true })
    copyFileSync(join(trees[i] ?? '', SMALL), join(cwd, `${name}_files`, 'small'))
    const script = readFileSync(join(seed, `${name}.py`), 'utf8')
    const adapted = script.replaceAll('"0.0.0.0"', '"127.0.0.1"').replace(/\b6001\b/, String(port1))
    writeFileSync(join(cwd, `${name}.py`), adapted.replace(/\b6002\b/, String(port2)))
  }
  const start = async (name: string, port: number) =>
    await workshop.start(name, 'python3', [`${name}.py`], { cwd, port })
  const server2 = await start('server2', port2)
  return [await start('server1', port1), server2]
}
