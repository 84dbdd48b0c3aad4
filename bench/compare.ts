import { spawn } from 'node:child_process'
import { once as untilEvent } from 'node:events'
import { existsSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { createPair, type Pair, SHAPES, settle, toName, writeTrees } from './harness/files.ts'
import { runLoad } from './harness/load.ts'
import { type Workshop, watch, withWorkshop } from './harness/processes.ts'
import { type Measurement, once, type Ratio, report, runRounds } from './harness/runner.ts'
import { startPair } from './harness/servers.ts'
import { readNames } from './reads.ts'

const USAGE = `node bench/compare.ts OTHER [options]: measure this checkout beside another one of vouch, in turns

  --rounds N        how often each is measured (5)
  --age SECONDS     how old new files are at their first check (3); after some 35 Linux has written them to the disk
  --only SET,...    of reads, names, ${Object.keys(SHAPES).join(', ')} (reads, small)

Both must have been built (npm run build). 'reads' loads a coordinator with one local and one remote replica from 32
connections; 'names' does so with 100,000 names, each read once, and an empty index; the others time the first and the
second check of a pair of new trees. Prints the medians of each, and the median of the ratios of the rounds: this
checkout divided by the other. 'big' takes 9 GiB of temporary space.
`
const CONNECTIONS = 32
const LOAD_SECONDS = 3
/** A coordinator answers faster and faster in its first seconds. */
const WARM_MS = 6000
const NAMES = 100_000
const CPU = 'CPU ms/read'
/** What is compared of each set; of all others, the checks. */
const COLUMNS: Readonly<Record<string, readonly string[]>> = {
  reads: ['requests/s', CPU],
  names: ['requests/s', 'peak MiB|coordinator'],
}
const CHECKS = ['first check s', 'second check s']

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '5' },
    only: { type: 'string', default: 'reads,small' },
    age: { type: 'string', default: '3' },
    help: { type: 'boolean', short: 'h' },
  },
})
const [other] = positionals

if (values.help || other === undefined) process.stdout.write(USAGE)
else process.exitCode = await withWorkshop((workshop) => compare(workshop, other))

async function compare(workshop: Workshop, other: string): Promise<number> {
  const programs = Object.entries({ this: resolve(import.meta.dirname, '..'), other: resolve(other) }).map(
    ([name, checkout]) => [name, join(checkout, 'dist/command/vouch.js')] as const,
  )
  for (const [, program] of programs) {
    if (!existsSync(program)) throw new Error(`there is no ${program}: run 'npm run build' in that checkout`)
  }
  const sets = values.only.split(',')
  const names = createNames(workshop)
  const create = (set: string, name: string, program: string) => {
    if (set === 'reads') return createReads(workshop, name, program)
    return set === 'names' ? names(name, program) : createChecks(workshop, set, name, program)
  }
  const measurements = sets.flatMap((set) => programs.map(([name, program]) => create(set, name, program)))
  const results = await runRounds(measurements, { rounds: Number(values.rounds), warmMs: WARM_MS })
  const ratios: Ratio[] = sets.flatMap((set) =>
    (COLUMNS[set] ?? CHECKS).map((column) => {
      return { what: `${set}, ${column}: this / other`, of: `${set} this`, over: `${set} other`, column }
    }),
  )
  return report({ checkout: measurements.flatMap(({ rows }) => rows) }, ratios, results)
}

function toShape(set: string) {
  const shape = SHAPES[set]
  if (shape === undefined)
    throw new Error(`--only takes reads, names, ${Object.keys(SHAPES).join(', ')}, got '${set}'`)
  return shape
}

/** Compared reads of one file, by servers that have read it before. */
function createReads(workshop: Workshop, name: string, program: string): Measurement {
  const row = `reads ${name}`
  const directory = join(workshop.scratch, name)
  const start = once(async () => {
    const trees = ['a', 'b'].map((tree) => join(directory, tree))
    writeTrees(trees, { files: 1, sizeOf: () => 1024 })
    await settle()
    return await startPair(workshop, trees, { program, cache: join(directory, 'cache') })
  })
  const run = async () => {
    const cluster = await start()
    const url = `${cluster[0].url}/files/${toName(0)}`
    const load = { url, connections: CONNECTIONS, seconds: LOAD_SECONDS, agreement: 'unanimous' } as const
    const figures = await watch(cluster, 1000, () => runLoad(load))
    // Seconds for a thousand reads are milliseconds for one; of both servers together.
    const cpu = cluster.reduce((sum, server) => sum + (figures[`CPU s/1000|${server.name}`] ?? Number.NaN), 0)
    return { [row]: { ...figures, [CPU]: cpu } }
  }
  return { rows: [row], run }
}

/** Compared reads of many names that both checkouts share, by servers that start with an empty index. */
function createNames(workshop: Workshop): (name: string, program: string) => Measurement {
  const trees = ['a', 'b'].map((tree) => join(workshop.scratch, 'names', tree))
  const write = once(async () => {
    writeTrees(trees, { files: NAMES, sizeOf: () => 100 })
    await delay(1000 * Number(values.age))
  })
  return (name, program) => {
    const row = `names ${name}`
    const cache = join(workshop.scratch, 'names', `cache ${name}`)
    const run = async () => {
      await write()
      rmSync(cache, { recursive: true, force: true })
      return { [row]: await readNames(workshop, trees, NAMES, { program, cache }) }
    }
    return { rows: [row], fresh: true, run }
  }
}

/** Seconds of a first check of new files with an empty index, and of a second. */
function createChecks({ scratch }: Workshop, set: string, name: string, program: string): Measurement {
  const row = `${set} ${name}`
  const shape = toShape(set)
  const directory = join(scratch, row)
  const run = async () => {
    const pair = createPair(directory, shape)
    await delay(1000 * Number(values.age))
    try {
      const first = await timeCheck(program, pair, join(directory, 'cache'))
      const second = await timeCheck(program, pair, join(directory, 'cache'))
      return { [row]: { 'first check s': first, 'second check s': second } }
    } finally {
      rmSync(directory, { recursive: true })
    }
  }
  return { rows: [row], fresh: true, run }
}

async function timeCheck(program: string, { a, b }: Pair, cache: string): Promise<number> {
  const start = performance.now()
  const args = [program, 'check', '--replica', `a=${a}`, '--replica', `b=${b}`]
  const env = { ...process.env, XDG_CACHE_HOME: cache }
  const child = spawn(process.execPath, args, { stdio: 'ignore', env })
  const [status] = await untilEvent(child, 'exit')
  // The trees differ.
  if (status !== 1) throw new Error(`check ended with ${status}`)
  return (performance.now() - start) / 1000
}
