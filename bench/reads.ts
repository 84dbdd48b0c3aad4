import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { settle, writeTrees } from './harness/files.ts'
import { runLoad, runLoader } from './harness/load.ts'
import { type Workshop, watch } from './harness/processes.ts'
import type { Figures, Measurement } from './harness/runner.ts'
import { type Cluster, CONFLICT, SMALL, type Stage, type VouchOptions, withPair } from './harness/servers.ts'

const CONNECTIONS = 32

/** Reads of a file of 1 KiB: compared, from servers that compare nothing, and from the original scripts. */
export function createReadMeasurements(stage: Stage, seconds: number, hasSeed: boolean): Measurement[] {
  function row(
    name: string,
    start: () => Promise<Cluster>,
    path: string,
    agreement?: 'unanimous' | 'conflict',
  ): Measurement {
    const run = async () => {
      const cluster = await start()
      const load = { url: `${cluster[0].url}/${path}`, connections: CONNECTIONS, seconds, agreement }
      return { [name]: await watch(cluster, 1000, () => runLoad(load)) }
    }
    return { rows: [name], run }
  }

  const seed = 'seed, 1 KiB, c32'
  const runSeed = async () => {
    const cluster = await stage.seed()
    const task = {
      port: Number(new URL(cluster[0].url).port),
      connections: CONNECTIONS,
      seconds,
      target: 'small',
    }
    const load = () => runLoader({ protocol: 'seed', expected: 'SINGLE_FILE|', ...task })
    return { [seed]: await watch(cluster, 1000, load) }
  }
  return [
    row('compared 1 KiB, one local and one remote, c32', stage.pair, `files/${SMALL}`, 'unanimous'),
    row('node:http, 1 KiB from a buffer, c32', stage.bare, 'small'),
    ...(hasSeed ? [{ rows: [seed], run: runSeed }] : []),
    row('Hono hello, c32', stage.hono, ''),
    row('compared 1 KiB, one remote, c32', stage.one, `files/${SMALL}`, 'unanimous'),
    row('compared 1 KiB, three remote, c32', stage.three, `files/${SMALL}`, 'unanimous'),
    row('conflict 1 KiB, one local and one remote, c32', stage.pair, `files/${CONFLICT}`, 'conflict'),
  ]
}

/** Reads `count` names once each, restarts both servers, and reads them again. */
export function createNamesMeasurement(workshop: Workshop, count: number): Measurement {
  const rows = ['different names, each once', 'different names, each once, after a restart']
  const directory = join(workshop.scratch, 'names')
  const trees = ['1', '2'].map((tree) => join(directory, tree))

  async function readAll(): Promise<Figures> {
    return await readNames(workshop, trees, count, { cache: join(directory, 'cache') })
  }

  const run = async () => {
    writeTrees(trees, { files: count, sizeOf: () => 100 })
    await settle()
    try {
      const round: Record<string, Figures> = {}
      for (const row of rows) round[row] = await readAll()
      return round
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  }
  return { rows, fresh: true, single: true, run }
}

/** Reads the first `count` names of `trees` once each, from servers that start for it. */
export async function readNames(
  workshop: Workshop,
  trees: readonly string[],
  count: number,
  options: VouchOptions,
): Promise<Figures> {
  return await withPair(workshop, trees, { ...options, busy: true }, async (cluster) => {
    const figures = await watch(cluster, 1000, () =>
      runLoader({
        protocol: 'http',
        port: Number(new URL(cluster[0].url).port),
        connections: CONNECTIONS,
        target: '/files/',
        names: count,
        expected: 'HTTP/1.1 200 ',
        agreement: 'unanimous',
      }),
    )
    // A server reports at its end how many digests it computed.
    await Promise.all(cluster.map((server) => server.stop()))
    const reports = cluster.map((server) => /(\d+) digests computed/.exec(server.readErrors())?.[1])
    return { ...figures, 'digests computed': reports.reduce((sum, digests) => sum + Number(digests), 0) }
  })
}
