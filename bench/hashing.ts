import { copyFileSync, mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { execute } from './execute.ts'
import { SMALL, settle } from './files.ts'
import { type Load, runLoad } from './load.ts'
import { type Measurement, once, type Sample, toSample } from './measurement.ts'
import { ROWS } from './rows.ts'
import { type Cluster, type Setting, startPair, stopCluster } from './setting.ts'
import type { Stage } from './stage.ts'
import { readCpuSeconds, watch } from './usage.ts'

const CONNECTIONS = 8
const HUGE = 'huge.bin'
/** How long a server may take to begin with a hash, and how much processor time shows that it has. */
const BEGIN_MS = 10_000
const BEGIN_SECONDS = 0.2
const POLL_MS = 50

/** Small reads while nothing else happens, and while a huge file is being hashed, in the same processes. */
export function createHashingMeasurements(setting: Setting, stage: Stage): Measurement[] {
  const directory = join(setting.scratch, 'hashing')
  const cache = join(directory, 'cache')
  const trees = ['1', '2'].map((tree) => join(directory, tree))
  const huge = join(directory, '2', HUGE)
  const aside = join(directory, HUGE)

  const files = once(async () => {
    const [tree = ''] = await stage.trees()
    for (const each of trees) {
      mkdirSync(each, { recursive: true })
      copyFileSync(join(tree, SMALL), join(each, SMALL))
    }
    createSparse(aside, setting.sizes.huge)
    await settle()
  })

  async function measureVouch(): Promise<readonly Sample[]> {
    await files()
    const cluster = await startPair(setting, trees, { cache })
    try {
      const load = toLoad(`${cluster.coordinator.url}/files/${SMALL}`, setting.seconds, 'unanimous')
      await runLoad(load)
      const quiet = await watch(cluster.all, () => runLoad(load))
      createSparse(huge, setting.sizes.huge)
      const hashing = await watch(cluster.all, () => runWhileHashing(cluster, load))
      return [toSample(ROWS.quiet, quiet), toSample(ROWS.hashing, hashing)]
    } finally {
      rmSync(huge, { force: true })
      await stopCluster(cluster)
      rmSync(cache, { recursive: true, force: true })
    }
  }

  async function measureBare(): Promise<readonly Sample[]> {
    await files()
    const server = await stage.bare()
    const load = toLoad(`${server.url}/small`, setting.seconds)
    const quiet = await watch([server], () => runLoad(load))
    const hashing = await watch([server], () => runWhileOpenssl(aside, load))
    return [toSample(ROWS.bareQuiet, quiet), toSample(ROWS.bareHashing, hashing)]
  }

  const rows: Measurement[] = [{ rows: [ROWS.quiet, ROWS.hashing], fresh: true, run: measureVouch }]
  if (setting.installed.openssl) rows.push({ rows: [ROWS.bareQuiet, ROWS.bareHashing], run: measureBare })
  return rows
}

function toLoad(url: string, seconds: number, agreement?: 'unanimous'): Load {
  return { url, connections: CONNECTIONS, seconds, status: 200, agreement }
}

function createSparse(path: string, bytes: number): void {
  writeFileSync(path, '')
  truncateSync(path, bytes)
}

/** Loads while the replica server hashes the huge file; rejects when it was not at that from beginning to end. */
async function runWhileHashing({ coordinator, all }: Cluster, load: Load) {
  const pid = all[1]?.pid ?? 0
  const abort = new AbortController()
  const { signal } = abort
  let said = ''
  const asked = fetch(`${coordinator.url}/files/${HUGE}`, { method: 'HEAD', signal }).then(
    ({ status }) => {
      said = `was answered with ${status}`
    },
    (error: unknown) => {
      said = `failed: ${error}`
    },
  )
  try {
    await untilAtWork(pid)
    const figures = await runLoad(load)
    await untilAtWork(pid)
    if (said !== '') throw new Error(`the hash had ended before the measurement: the question ${said}`)
    return figures
  } finally {
    abort.abort()
    await asked
  }
}

/** Resolves when a process has worked for a while, with nobody asking it for anything but the hash. */
async function untilAtWork(pid: number): Promise<void> {
  const before = readCpuSeconds(pid)
  for (const start = Date.now(); Date.now() - start < BEGIN_MS; await delay(POLL_MS)) {
    if (readCpuSeconds(pid) - before >= BEGIN_SECONDS) return
  }
  throw new Error('the replica server does not hash')
}

async function runWhileOpenssl(path: string, load: Load) {
  const abort = new AbortController()
  let ended = false
  const hashing = execute('openssl', ['dgst', '-sha256', path], { signal: abort.signal }).then(
    () => {
      ended = true
    },
    () => {},
  )
  try {
    const figures = await runLoad(load)
    if (ended) throw new Error('openssl had ended before the measurement')
    return figures
  } finally {
    abort.abort()
    await hashing
  }
}
