import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { settle, writeTrees } from './harness/files.ts'
import { runLoad } from './harness/load.ts'
import { type Workshop, watch, withWorkshop } from './harness/processes.ts'
import { type Measurement, once, type Ratio, report, runRounds } from './harness/runner.ts'
import { type Cluster, SMALL, SMALL_BYTES, startCoordinator, startReplica } from './harness/servers.ts'

const USAGE = `node bench/remotes.ts [options]: measure compared reads over one replica server beside three, in turns

  --rounds N        how often each is measured (7)
  --seconds N       whole seconds for which each is loaded in a round (3)
  --program PATH    the command (dist/command/vouch.js: npm run build)

Reads of one file of 1 KiB with 32 connections; beside vouch, bare programs that do only what its promises need.
`
const WARM_MS = 6000
const FLOOR = fileURLToPath(new URL('floors/server.ts', import.meta.url))
const [RATE, CPU] = ['requests/s', 'CPU s/1000|coordinator']

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    seconds: { type: 'string', default: '3' },
    program: { type: 'string', default: fileURLToPath(new URL('../dist/command/vouch.js', import.meta.url)) },
    help: { type: 'boolean', short: 'h' },
  },
})

const KINDS = ['vouch', 'floor'] as const
const WORDS = { 1: 'one', 3: 'three' } as const
const toRow = (kind: string, count: keyof typeof WORDS) => `${kind}, ${WORDS[count]} remote`
const RATIOS = KINDS.flatMap((kind): Ratio[] => {
  const [one, three] = [toRow(kind, 1), toRow(kind, 3)]
  const goal = kind === 'vouch' ? { atMost: 1.5 } : {}
  return [
    { what: `requests/s: ${kind}, one remote / three`, of: one, over: three, column: RATE, ...goal },
    { what: `CPU of the coordinator a read: ${kind}, three / one`, of: three, over: one, column: CPU },
  ]
})

if (values.help) process.stdout.write(USAGE)
else process.exitCode = await withWorkshop(measure)

async function measure(workshop: Workshop): Promise<number> {
  const trees = ['a', 'b', 'c'].map((tree) => join(workshop.scratch, tree))
  writeTrees(trees, { files: 1, sizeOf: () => SMALL_BYTES })
  await settle()
  const measurements = KINDS.flatMap((kind) => {
    const start = kind === 'vouch' ? toVouch(workshop, trees) : toFloor(workshop, trees)
    return ([1, 3] as const).map((count) => toMeasurement(toRow(kind, count), () => start(count)))
  })
  const results = await runRounds(measurements, { rounds: Number(values.rounds), warmMs: WARM_MS })
  return report({ reads: measurements.flatMap(({ rows }) => rows) }, RATIOS, results)
}

/** Starts a coordinator over the first of the replica servers. */
type Start = (count: number) => Promise<Cluster>

function toVouch(workshop: Workshop, trees: readonly string[]): Start {
  const options = { program: values.program, cache: join(workshop.scratch, 'cache') }
  return toStart(
    trees.map((tree, i) => () => startReplica(workshop, `replica${i + 1}`, tree, options)),
    (urls) => startCoordinator(workshop, urls, options),
  )
}

function toFloor(workshop: Workshop, trees: readonly string[]): Start {
  const start = (name: string, ...args: string[]) =>
    workshop.start(name, process.execPath, [FLOOR, ...args, SMALL])
  return toStart(
    trees.map((tree, i) => () => start(`replica${i + 1}`, 'replica', tree)),
    (urls) => start('coordinator', 'remote', trees[0] ?? '', urls.join()),
  )
}

function toStart(
  replicas: readonly (() => Promise<Cluster[0]>)[],
  startCoordinator: (urls: readonly string[]) => Promise<Cluster[0]>,
): Start {
  const started = replicas.map(once)
  return async (count) => {
    const servers = await Promise.all(started.slice(0, count).map((start) => start()))
    return [await startCoordinator(servers.map(({ url }) => url)), ...servers]
  }
}

function toMeasurement(row: string, start: () => Promise<Cluster>): Measurement {
  const started = once(start)
  const run = async () => {
    const cluster = await started()
    const url = `${cluster[0].url}/files/${SMALL}`
    const load = { url, connections: 32, seconds: Number(values.seconds), agreement: 'unanimous' } as const
    return { [row]: await watch(cluster, 1000, () => runLoad(load)) }
  }
  return { rows: [row], run }
}
