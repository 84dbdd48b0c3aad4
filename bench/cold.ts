import { copyFileSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { execute } from './execute.ts'
import { createCopies, LARGE, SMALL, settle, warmPageCache } from './files.ts'
import { download } from './load.ts'
import { type Figures, type Measurement, once, toMeasurement } from './measurement.ts'
import { ROWS } from './rows.ts'
import { type Cluster, type Setting, startPair, stopCluster } from './setting.ts'
import type { Stage } from './stage.ts'
import { type Observed, readCpuSeconds, watch } from './usage.ts'

/** Processor time, in seconds, that a server may use while nobody asks it for anything. */
const REST_SECONDS = 0.25
/** Reads of a small file that make a server that has just started ready for a large one. */
const FIRST_READS = 50

/** The first download of a large file that no server has seen, and openssl on the same two copies. */
export function createColdMeasurements(setting: Setting, stage: Stage): Measurement[] {
  const directory = join(setting.scratch, 'cold')
  const cache = join(directory, 'cache')
  const trees = ['1', '2'].map((tree) => join(directory, tree))
  const aside = ['1.bin', '2.bin'].map((name) => join(directory, name))
  const served = trees.map((tree) => join(tree, LARGE))

  const files = once(async () => {
    const [tree = ''] = await stage.trees()
    for (const each of trees) {
      mkdirSync(each, { recursive: true })
      copyFileSync(join(tree, SMALL), join(each, SMALL))
    }
    await createCopies(aside, setting.sizes.large)
  })

  async function measureCold(): Promise<Observed<Figures>> {
    await files()
    const cluster = await startPair(setting, trees, { cache })
    try {
      move(aside, served)
      await requireRest(cluster)
      return await downloadFirst(cluster, served, setting.sizes.large)
    } finally {
      move(served, aside)
      await stopCluster(cluster)
      rmSync(cache, { recursive: true, force: true })
    }
  }

  async function measureOpenssl(): Promise<Observed<Figures>> {
    await files()
    await warmPageCache(aside)
    const start = performance.now()
    await Promise.all(aside.map((path) => execute('openssl', ['dgst', '-sha256', path])))
    return { result: { firstByte: performance.now() - start }, usage: [] }
  }

  const rows: Measurement[] = [{ ...toMeasurement(ROWS.cold, measureCold), fresh: true }]
  if (setting.installed.openssl) rows.push(toMeasurement(ROWS.openssl, measureOpenssl))
  return rows
}

function move(from: readonly string[], to: readonly string[]): void {
  for (const [i, path] of from.entries()) renameSync(path, to[i] ?? path)
}

/** Lets the new files grow old enough; rejects when a server works on them before anybody asks for them. */
async function requireRest({ all }: Cluster): Promise<void> {
  const read = () => all.reduce((sum, { pid }) => sum + readCpuSeconds(pid), 0)
  const before = read()
  await settle()
  if (read() - before > REST_SECONDS) throw new Error('the servers were at work before they were asked')
}

async function downloadFirst(
  { coordinator, all }: Cluster,
  files: readonly string[],
  size: number,
): Promise<Observed<Figures>> {
  for (let i = 0; i < FIRST_READS; i++) {
    await (await fetch(`${coordinator.url}/files/${SMALL}`)).arrayBuffer()
  }
  await warmPageCache(files)
  const url = `${coordinator.url}/files/${LARGE}`
  const observed = await watch(all, () => download(url, size))
  const { headers } = await fetch(url, { method: 'HEAD' })
  const agreement = headers.get('Replica-Agreement')
  if (!agreement?.startsWith('unanimous')) throw new Error(`${url} is ${agreement}`)
  return observed
}
