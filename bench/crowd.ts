import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { interruption } from './execute.ts'
import { SMALL } from './files.ts'
import { type Load, runLoad } from './load.ts'
import { type Measurement, type Sample, toSample } from './measurement.ts'
import { ROWS } from './rows.ts'
import { type Cluster, type Setting, startPair, stopCluster } from './setting.ts'
import type { Stage } from './stage.ts'
import { readMemory, watch } from './usage.ts'

const CLIENTS = fileURLToPath(new URL('crowd-clients.ts', import.meta.url))
const IDLE = 10_000
const SLOW = 500
const CONNECTIONS = 8
/** What a hundred reads a second come to in two hours. */
const SOAK_READS = 720_000
const SOAK_CONNECTIONS = 32

/** Honest reads beside a crowd of idle and slow connections, and what very many reads leave behind. */
export function createCrowdMeasurements(setting: Setting, stage: Stage): Measurement[] {
  async function withPair<T>(name: string, work: (cluster: Cluster) => Promise<T>): Promise<T> {
    const cluster = await startPair(setting, await stage.trees(), { cache: join(setting.scratch, name) })
    try {
      return await work(cluster)
    } finally {
      await stopCluster(cluster)
    }
  }

  async function measureCrowd(cluster: Cluster): Promise<readonly Sample[]> {
    const load = toLoad(cluster, CONNECTIONS, setting.seconds)
    await runLoad({ ...load, seconds: 5 * setting.seconds })
    const quiet = await watch(cluster.all, () => runLoad(load))
    const crowd = await startCrowd(cluster)
    try {
      const crowded = await watch(cluster.all, () => runLoad(load))
      return [toSample(ROWS.crowdQuiet, quiet), toSample(ROWS.crowd, crowded)]
    } finally {
      crowd.kill('SIGKILL')
    }
  }

  async function measureSoak(cluster: Cluster): Promise<readonly Sample[]> {
    const load = toLoad(cluster, SOAK_CONNECTIONS, 10)
    const soak = async () => {
      let reads = 0
      while (reads < SOAK_READS / 2) reads += (await runLoad(load)).reads ?? 0
      return reads
    }
    await soak()
    const before = readHeld(cluster)
    const observed = await watch(cluster.all, async () => ({ reads: await soak() }))
    const after = readHeld(cluster)
    const grown = {
      grownMiB: after.memory - before.memory,
      grownDescriptors: after.descriptors - before.descriptors,
    }
    return [toSample(ROWS.soak, { ...observed, result: { ...observed.result, ...grown } })]
  }

  return [
    { rows: [ROWS.crowdQuiet, ROWS.crowd], fresh: true, run: () => withPair('crowd', measureCrowd) },
    { rows: [ROWS.soak], fresh: true, single: true, run: () => withPair('soak', measureSoak) },
  ]
}

function toLoad({ coordinator }: Cluster, connections: number, seconds: number): Load {
  return {
    url: `${coordinator.url}/files/${SMALL}`,
    connections,
    seconds,
    status: 200,
    agreement: 'unanimous',
  }
}

async function startCrowd({ coordinator }: Cluster): Promise<ChildProcess> {
  const args = [CLIENTS, new URL(coordinator.url).port, String(IDLE), String(SLOW)]
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    signal: interruption.signal,
  })
  await once(child.stdout, 'data')
  return child
}

/** Memory and open files of all processes of a cluster. */
function readHeld({ all }: Cluster): { memory: number; descriptors: number } {
  return {
    memory: all.reduce((sum, { pid }) => sum + readMemory(pid, 'VmRSS'), 0),
    descriptors: all.reduce((sum, { pid }) => sum + readdirSync(`/proc/${pid}/fd`).length, 0),
  }
}
