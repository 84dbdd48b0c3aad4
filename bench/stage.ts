import { join } from 'node:path'
import { createCopies, createTrees, LARGE } from './files.ts'
import { once } from './measurement.ts'
import type { Running } from './processes.ts'
import { type Cluster, type Setting, startCoordinator, startPair, startReplica } from './setting.ts'
import { type Seed, startBare, startHono, startNginx, startSeed } from './yardsticks.ts'

/** What several rows share, each made or started at its first use. */
export interface Stage {
  /** Five trees of the small files. */
  trees(): Promise<string[]>
  /** The large file in the first two of them. */
  large(): Promise<string[]>
  /** A coordinator over the first tree, and a replica server over the second. */
  pair(): Promise<Cluster>
  /** A coordinator over one replica server, which is the first of three. */
  one(): Promise<Cluster>
  three(): Promise<Cluster>
  bare(): Promise<Running>
  hono(): Promise<Running>
  nginx(): Promise<Running>
  seed(): Promise<Seed>
}

const TREES = 5
/** The trees of replica servers that a coordinator asks without having a directory of its own. */
const REMOTE = [2, 3, 4]

/** Nothing is made or started before it is asked for. */
export function createStage(setting: Setting): Stage {
  const { scratch, sizes, seedDirectory = '' } = setting
  const cache = join(scratch, 'cache')
  const trees = once(() => createTrees(join(scratch, 'trees'), TREES))
  const first = once(async () => (await trees())[0] ?? '')
  const replicas = REMOTE.map((tree, i) =>
    once(async () => await startReplica(setting, `replica${i + 1}`, (await trees())[tree] ?? '', { cache })),
  )

  async function startRemote(count: number): Promise<Cluster> {
    const started = await Promise.all(replicas.slice(0, count).map((start) => start()))
    const urls = started.map(({ url }) => url)
    const coordinator = await startCoordinator(setting, urls, { cache })
    return { coordinator, all: [coordinator, ...started] }
  }

  async function createLarge(): Promise<string[]> {
    const paths = (await trees()).slice(0, 2).map((tree) => join(tree, LARGE))
    await createCopies(paths, sizes.large)
    return paths
  }

  return {
    trees,
    large: once(createLarge),
    pair: once(async () => await startPair(setting, await trees(), { cache })),
    one: once(() => startRemote(1)),
    three: once(() => startRemote(REMOTE.length)),
    bare: once(async () => await startBare(setting, await first())),
    hono: once(() => startHono(setting)),
    nginx: once(async () => await startNginx(setting, await first())),
    seed: once(async () => await startSeed(setting, await trees(), seedDirectory)),
  }
}
