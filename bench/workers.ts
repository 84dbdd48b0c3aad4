import { once as untilEvent } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { settle, toName, writeTrees } from './harness/files.ts'
import { runLoad } from './harness/load.ts'
import { readCpuSeconds, type Workshop, withWorkshop } from './harness/processes.ts'
import { type Measurement, once, type Ratio, report, runRounds } from './harness/runner.ts'
import { type Cluster, startReplica } from './harness/servers.ts'

const USAGE = `node bench/workers.ts [options]: measure a coordinator with --workers 2 beside one with 1, in turns

  --rounds N        how often each is measured (5)
  --seconds N       how long each is loaded in a round (3)
  --program PATH    the command (dist/command/vouch.js: npm run build)

Compared reads of one file of 1 KiB, over a directory and a replica server of one process. CPU is user and system time of all
processes of a server.
`
const WARM_MS = 12_000
const CPU = 'CPU µs/read|coordinator'

/** Connections, and the workers that have a share of them. */
interface Shape {
  readonly row: string
  readonly workers: 1 | 2
  readonly connections: number
  /** Whether the first worker of two is stopped, so that the second gets all connections. */
  readonly isHalf?: true
}

const ONE = { row: '1 worker, c32', workers: 1, connections: 32 } as const
const FEW = { row: '1 worker, c16', workers: 1, connections: 16 } as const
const HALF = {
  row: '2 workers, of which one answers, c32',
  workers: 2,
  connections: 32,
  isHalf: true,
} as const
const BUSY = { row: '2 workers, c64', workers: 2, connections: 64 } as const
const SPLIT = { row: '2 workers, c32', workers: 2, connections: 32 } as const

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
    program: { type: 'string', default: fileURLToPath(new URL('../dist/command/vouch.js', import.meta.url)) },
    help: { type: 'boolean', short: 'h' },
  },
})

if (values.help) process.stdout.write(USAGE)
else process.exitCode = await withWorkshop(measure)

async function measure(workshop: Workshop): Promise<number> {
  const starts = { 1: toStart(workshop, 1), 2: toStart(workshop, 2) }
  const shapes: readonly Shape[] = [ONE, FEW, HALF, BUSY, SPLIT]
  const measurements = shapes.map((shape) => toMeasurement(shape, starts[shape.workers]))
  const results = await runRounds(measurements, { rounds: Number(values.rounds), warmMs: WARM_MS })
  const pairs = [
    [HALF, ONE],
    [BUSY, ONE],
    [SPLIT, FEW],
    [SPLIT, ONE],
    [FEW, ONE],
  ] as const
  const ratios = pairs.map(([{ row: of }, { row: over }]): Ratio => {
    return {
      what: `CPU a read: ${of} / ${over}`,
      of,
      over,
      column: CPU,
      ...(of !== FEW.row && { atMost: 1.05 }),
    }
  })
  return report({ reads: shapes.map(({ row }) => row) }, ratios, results)
}

/** A coordinator of `workers` processes, and the replica server that it asks. */
function toStart(workshop: Workshop, workers: number): () => Promise<Cluster> {
  const directory = join(workshop.scratch, String(workers))
  return once(async () => {
    const [a = '', b = ''] = ['a', 'b'].map((tree) => join(directory, tree))
    writeTrees([a, b], { files: 1, sizeOf: () => 1024 })
    await settle()
    const cache = join(directory, 'cache')
    const replica = await startReplica(workshop, 'replica', b, { program: values.program, cache })
    const words = ['--replica', `a=${a}`, '--replica', `b=${replica.url}`, '--workers', String(workers)]
    const args = [values.program, 'coordinator', ...words, '--port', '0']
    const env = { XDG_CACHE_HOME: cache }
    return [await workshop.start('coordinator', process.execPath, args, { env }), replica]
  })
}

function toMeasurement({ row, connections, isHalf }: Shape, start: () => Promise<Cluster>): Measurement {
  const run = async () => {
    const cluster = await start()
    const [{ url, pid }] = cluster
    const seconds = Number(values.seconds)
    const load = { url: `${url}/files/${toName(0)}`, connections, seconds, agreement: 'unanimous' } as const
    const resume = isHalf ? await stopWorker(url, pid) : () => {}
    try {
      const before = cluster.map(({ pid }) => readCpuOfAll(pid))
      const { reads = Number.NaN, ...figures } = await runLoad(load)
      const cpu = cluster.map(({ name, pid }, i) => {
        const seconds = readCpuOfAll(pid) - (before[i] ?? Number.NaN)
        return [`CPU µs/read|${name}`, (1e6 * seconds) / reads] as const
      })
      return { [row]: { ...figures, ...Object.fromEntries(cpu) } }
    } finally {
      resume()
    }
  }
  return { rows: [row], run }
}

/**
 * Stops a worker of two until the function that it returns is called. The main process deals the worker one
 * connection, and no other until the worker has accepted it.
 */
async function stopWorker(url: string, pid: number): Promise<() => void> {
  const worker = Number(readChildren(pid)[0])
  process.kill(worker, 'SIGSTOP')
  const sockets = [1, 2].map(() => connect(Number(new URL(url).port), '127.0.0.1'))
  for (const socket of sockets) await untilEvent(socket, 'connect')
  return () => {
    for (const socket of sockets) socket.destroy()
    process.kill(worker, 'SIGCONT')
  }
}

function readChildren(pid: number): readonly number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
  return children.split(' ').filter(Boolean).map(Number)
}

/** Processor time of a process and of its workers. */
function readCpuOfAll(pid: number): number {
  return [pid, ...readChildren(pid)].reduce((sum, one) => sum + readCpuSeconds(one), 0)
}
