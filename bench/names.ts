import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createManyFiles } from './files.ts'
import { runLoader } from './load.ts'
import { type Measurement, type Sample, toSample } from './measurement.ts'
import type { Running } from './processes.ts'
import { ROWS } from './rows.ts'
import { type Setting, startPair, stopCluster } from './setting.ts'
import { watch } from './usage.ts'

const CONNECTIONS = 32

/** Reads many different names once each, restarts both servers, and reads them again. */
export function createNamesMeasurements(setting: Setting): Measurement[] {
  const directory = join(setting.scratch, 'names')
  const trees = ['1', '2'].map((tree) => join(directory, tree))
  const list = join(directory, 'names.txt')
  const cache = join(directory, 'cache')

  async function measurePass(row: string): Promise<Sample> {
    const cluster = await startPair(setting, trees, { cache, busy: true })
    const { coordinator, all } = cluster
    const task = {
      protocol: 'http' as const,
      port: Number(new URL(coordinator.url).port),
      connections: CONNECTIONS,
      targetFile: list,
      expected: 'HTTP/1.1 200 ',
      agreement: 'unanimous',
    }
    const observed = await watch(all, () => runLoader(task)).finally(() => stopCluster(cluster))
    const computed = readComputed(all)
    const figures = computed === null ? observed.result : { ...observed.result, computed }
    return toSample(row, { ...observed, result: figures })
  }

  async function run(): Promise<readonly Sample[]> {
    const names = await createManyFiles(trees, setting.sizes.names)
    writeFileSync(list, names.map((name) => `/files/${name}\n`).join(''))
    try {
      return [await measurePass(ROWS.names), await measurePass(ROWS.namesAgain)]
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  }

  return [{ rows: [ROWS.names, ROWS.namesAgain], fresh: true, single: true, run }]
}

/** How many digests servers that have ended say they computed; null when one of them does not say. */
function readComputed(servers: readonly Running[]): number | null {
  let sum = 0
  for (const server of servers) {
    const counts = [...server.readErrors().matchAll(/(\d+) digests computed/g)]
    if (counts.length === 0) return null
    for (const [, count] of counts) sum += Number(count)
  }
  return sum
}
