import { copyFileSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { settle, warmPageCache } from './harness/files.ts'
import { download } from './harness/load.ts'
import { execute, readCpuSeconds, type Workshop, watch } from './harness/processes.ts'
import { type Figures, type Measurement, median, once } from './harness/runner.ts'
import { type Cluster, LARGE, SMALL, type Stage, withPair, writeLarge } from './harness/servers.ts'

/** Downloads of one round; their median counts. */
const DOWNLOADS = 3
/** Processor time, in seconds, that idle servers may use. */
const IDLE_SECONDS = 0.25
/** Reads of a small file that make a server that has just started ready for a large one. */
const FIRST_READS = 50

/**
 * Whole downloads of a large file of `bytes`: compared, through a pipe of Node, and through one that hashes
 * on a thread.
 */
export function createLargeMeasurements(stage: Stage, bytes: number): Measurement[] {
  function row(name: string, start: () => Promise<Cluster>, path: string): Measurement {
    const run = async () => {
      const files = await stage.large()
      const cluster = await start()
      return {
        [name]: await watch(cluster, 1, () => downloadOften(`${cluster[0].url}/${path}`, bytes, files)),
      }
    }
    return { rows: [name], run }
  }
  return [
    row('large file, digest known', stage.pair, `files/${LARGE}`),
    row('large file, node pipe', stage.bare, 'large'),
    row('large file, node pipe that hashes on a thread', stage.bare, 'hashed'),
  ]
}

async function downloadOften(url: string, bytes: number, files: readonly string[]): Promise<Figures> {
  const all: Figures[] = []
  for (let i = 0; i < DOWNLOADS; i++) {
    await warmPageCache(files)
    all.push(await download(url, bytes))
  }
  const middle = (column: string) => median(all.map((figures) => figures[column] ?? Number.NaN))
  return { reads: DOWNLOADS, 'MiB/s': middle('MiB/s'), 'first byte ms': middle('first byte ms') }
}

/** The first download of a large file that no server has seen, and openssl on the same two copies. */
export function createColdMeasurements(workshop: Workshop, stage: Stage, bytes: number): Measurement[] {
  const directory = join(workshop.scratch, 'cold')
  const cache = join(directory, 'cache')
  const trees = ['1', '2'].map((tree) => join(directory, tree))
  const aside = ['1.bin', '2.bin'].map((name) => join(directory, name))
  const served = trees.map((tree) => join(tree, LARGE))
  const files = once(async () => {
    const [tree = ''] = await stage.trees()
    for (const each of trees) {
      mkdirSync(each, { recursive: true })
      copyFileSync(join(tree, SMALL), join(each, 'small'))
    }
    await writeLarge(aside, bytes)
  })

  async function runCold() {
    await files()
    const measure = async (cluster: Cluster) => {
      move(aside, served)
      await requireIdle(cluster)
      return { 'large file, digest not known': await downloadFirst(cluster, served, bytes) }
    }
    try {
      return await withPair(workshop, trees, { cache }, measure)
    } finally {
      move(served, aside)
      rmSync(cache, { recursive: true, force: true })
    }
  }

  async function runOpenssl() {
    await files()
    await warmPageCache(aside)
    const start = performance.now()
    await Promise.all(aside.map((path) => execute('openssl', ['dgst', '-sha256', path])))
    return {
      'large file, openssl on both copies side by side': { 'first byte ms': performance.now() - start },
    }
  }

  return [
    { rows: ['large file, digest not known'], fresh: true, run: runCold },
    { rows: ['large file, openssl on both copies side by side'], run: runOpenssl },
  ]
}

function move(from: readonly string[], to: readonly string[]): void {
  for (const [i, path] of from.entries()) renameSync(path, to[i] ?? path)
}

/**
 * Waits until the new files are old enough; rejects when a server hashes them before a client asks for them.
 */
async function requireIdle(cluster: Cluster): Promise<void> {
  const read = () => cluster.reduce((sum, { pid }) => sum + readCpuSeconds(pid), 0)
  const before = read()
  await settle()
  if (read() - before > IDLE_SECONDS) throw new Error('the servers were at work before the first request')
}

async function downloadFirst(cluster: Cluster, files: readonly string[], bytes: number): Promise<Figures> {
  const [{ url }] = cluster
  for (let i = 0; i < FIRST_READS; i++) await (await fetch(`${url}/files/small`)).arrayBuffer()
  await warmPageCache(files)
  const figures = await watch(cluster, 1, () => download(`${url}/files/${LARGE}`, bytes))
  const { headers } = await fetch(`${url}/files/${LARGE}`, { method: 'HEAD' })
  const agreement = headers.get('Replica-Agreement')
  if (!agreement?.startsWith('unanimous')) throw new Error(`${url}/files/${LARGE} is ${agreement}`)
  return figures
}
