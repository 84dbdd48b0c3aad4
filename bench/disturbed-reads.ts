import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { settle, writeTrees } from './harness/files.ts'
import { runLoad } from './harness/load.ts'
import { readCpuSeconds, readMemory, type Workshop, watch } from './harness/processes.ts'
import type { Figures, Measurement, Round } from './harness/runner.ts'
import { type Cluster, SMALL, SMALL_BYTES, withPair } from './harness/servers.ts'

const CLIENTS = fileURLToPath(new URL('harness/crowd-clients.ts', import.meta.url))
const [IDLE, SLOW] = [10_000, 500]
/** 100 reads a second for two hours. */
const SOAK_READS = 720_000
const HUGE = 'huge.bin'
/** A sparse file of 20 GiB takes longer to hash than a load lasts. */
const HUGE_BYTES = 20 * 2 ** 30
/** How long a server may take to begin with a hash, and the processor time that shows that it has. */
const BEGIN_MS = 10_000
const BEGIN_SECONDS = 0.2
const POLL_MS = 50

/**
 * Compared reads while a replica hashes, beside a crowd of idle and slow connections, and what many leave
 * behind.
 */
export function createDisturbedMeasurements(
  workshop: Workshop,
  seconds: number,
  soakReads = SOAK_READS,
): Measurement[] {
  const toLoad = ([{ url }]: Cluster, connections: number) =>
    ({ url: `${url}/files/${SMALL}`, connections, seconds, agreement: 'unanimous' }) as const
  const measure = (cluster: Cluster) => watch(cluster, 1000, () => runLoad(toLoad(cluster, 8)))

  /** Each measurement gets new servers over new files. */
  function row(
    rows: readonly string[],
    work: (cluster: Cluster, tree: string) => Promise<Round>,
  ): Measurement {
    const directory = join(workshop.scratch, 'disturbed')
    const trees = ['1', '2'].map((tree) => join(directory, tree))
    const run = async () => {
      writeTrees(trees, { files: 1, sizeOf: () => SMALL_BYTES })
      await settle()
      try {
        const options = { cache: join(directory, 'cache') }
        return await withPair(workshop, trees, options, (cluster) => work(cluster, trees[1] ?? ''))
      } finally {
        rmSync(directory, { recursive: true, force: true })
      }
    }
    return { rows, fresh: true, run }
  }

  async function measureHashing(cluster: Cluster, tree: string) {
    await measure(cluster)
    const quiet = await measure(cluster)
    writeFileSync(join(tree, HUGE), '')
    truncateSync(join(tree, HUGE), HUGE_BYTES)
    const hashing = await whileHashing(cluster, () => measure(cluster))
    return { 'compared 1 KiB, c8, quiet': quiet, 'compared 1 KiB, c8, while a replica hashes': hashing }
  }

  async function measureCrowd(cluster: Cluster) {
    for (let i = 0; i < 5; i++) await runLoad(toLoad(cluster, 8))
    const alone = await measure(cluster)
    const args = [CLIENTS, new URL(cluster[0].url).port, String(IDLE), String(SLOW)]
    const crowd = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    try {
      await once(crowd.stdout, 'data')
      const crowded = await measure(cluster)
      return { 'compared 1 KiB, c8, alone': alone, [toCrowdRow()]: crowded }
    } finally {
      crowd.kill('SIGKILL')
    }
  }

  async function measureSoak(cluster: Cluster) {
    const soak = async (): Promise<Figures> => {
      let reads = 0
      while (reads < soakReads / 2) reads += (await runLoad(toLoad(cluster, 32)))['reads'] ?? 0
      return { reads }
    }
    await soak()
    const before = readHeld(cluster)
    const figures = await watch(cluster, 1000, soak)
    const after = readHeld(cluster)
    const grown = { 'grown MiB': after.memory - before.memory, 'grown files': after.files - before.files }
    return { [SOAK_ROW]: { ...figures, ...grown } }
  }

  return [
    row(['compared 1 KiB, c8, quiet', 'compared 1 KiB, c8, while a replica hashes'], measureHashing),
    row(['compared 1 KiB, c8, alone', toCrowdRow()], measureCrowd),
    { ...row([SOAK_ROW], measureSoak), single: true },
  ]
}

export const SOAK_ROW = 'compared 1 KiB, c32, as many reads as 100 a second in two hours'

export function toCrowdRow(): string {
  return `compared 1 KiB, c8, beside ${IDLE.toLocaleString('en')} idle and ${SLOW} slow connections`
}

/**
 * Does `work` while the replica server hashes the huge file; rejects when it did not hash from beginning to
 * end.
 */
async function whileHashing([coordinator, replica]: Cluster, work: () => Promise<Figures>): Promise<Figures> {
  const abort = new AbortController()
  const { signal } = abort
  let end = ''
  const asked = fetch(`${coordinator.url}/files/${HUGE}`, { method: 'HEAD', signal }).then(
    ({ status }) => {
      end = `was answered with ${status}`
    },
    (error: unknown) => {
      end = `failed: ${error}`
    },
  )
  try {
    await untilHashing(replica?.pid ?? 0)
    const figures = await work()
    await untilHashing(replica?.pid ?? 0)
    if (end !== '') throw new Error(`the hash ended before the measurement: the request ${end}`)
    return figures
  } finally {
    abort.abort()
    await asked
  }
}

/** Resolves when an otherwise idle server has used processor time. */
async function untilHashing(pid: number): Promise<void> {
  const before = readCpuSeconds(pid)
  for (const start = Date.now(); Date.now() - start < BEGIN_MS; await delay(POLL_MS)) {
    if (readCpuSeconds(pid) - before >= BEGIN_SECONDS) return
  }
  throw new Error('the replica server does not hash')
}

/** Memory and open files of all processes of a cluster. */
function readHeld(cluster: Cluster): { memory: number; files: number } {
  return {
    memory: cluster.reduce((sum, { pid }) => sum + readMemory(pid, 'VmRSS'), 0),
    files: cluster.reduce((sum, { pid }) => sum + readdirSync(`/proc/${pid}/fd`).length, 0),
  }
}
