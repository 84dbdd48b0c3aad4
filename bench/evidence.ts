import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { runLoad } from './load.ts'
import { createProcesses, type Processes } from './processes.ts'
import { median } from './statistics.ts'
import { createPair, type Pair, SHAPES } from './tree-files.ts'
import { readCpuSeconds } from './usage.ts'

const USAGE = `node bench/evidence.ts OTHER [options]: measure this build beside another checkout of vouch, in turns

  --rounds N        how often each is measured (5)
  --only SET,...    of small, big, reads (all)
  --age SECONDS     how old files are when they are first checked (3); in some 35 seconds Linux has written them out

Both must have been built (npm run build). Prints the median of each, and how they compare: files are made again for each
first check, so that nothing of them is written out. Takes 9 GiB of temporary space for big.
`
/** What was changed less than 2 seconds ago is not remembered by any build. */
const SETTLED_SECONDS = '3'
const CONNECTIONS = 32
const LOAD_SECONDS = 3

type Figures = Record<string, number[]>

await main()

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      rounds: { type: 'string', default: '5' },
      age: { type: 'string', default: SETTLED_SECONDS },
      only: { type: 'string', default: 'small,big,reads' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  const [other] = positionals
  if (values.help || other === undefined) return void process.stdout.write(USAGE)
  const builds = { this: resolve(import.meta.dirname, '..'), other: resolve(other) }
  for (const set of values.only.split(',')) {
    const scratch = mkdtempSync(join(tmpdir(), 'vouch-bench-'))
    const processes = createProcesses(join(scratch, 'logs'))
    const figures: Figures = {}
    const add = (what: string, build: string, value: number) => {
      figures[`${what} ${build}`] = [...(figures[`${what} ${build}`] ?? []), value]
    }
    const run = {
      builds,
      scratch,
      processes,
      rounds: Number(values.rounds),
      ageMs: 1000 * Number(values.age),
      add,
    }
    try {
      if (set === 'reads') await measureReads(run)
      else await measureChecks(set, run)
    } finally {
      await processes.stopAll()
      rmSync(scratch, { recursive: true })
    }
    print(figures)
  }
}

interface Run {
  readonly builds: Readonly<Record<string, string>>
  readonly scratch: string
  readonly processes: Processes
  readonly rounds: number
  readonly ageMs: number
  readonly add: (what: string, build: string, value: number) => void
}

/** Seconds of a first check with an empty index, and of a second. */
async function measureChecks(set: string, { builds, scratch, rounds, ageMs, add }: Run): Promise<void> {
  const shape = SHAPES[set]
  if (shape === undefined) throw new Error(`--only takes small, big and reads, got '${set}'`)
  const kept = set === 'big' ? createPair(join(scratch, 'pair'), shape) : null
  for (let round = 0; round < rounds; round++) {
    for (const [build, tree] of toTurns(builds, round)) {
      const directory = join(scratch, build)
      const pair = kept ?? createPair(join(directory, 'pair'), shape)
      await delay(ageMs)
      for (const what of [`${set}: first check`, `${set}: check again`])
        add(what, build, await timeCheck(tree, pair, join(directory, 'cache')))
      rmSync(directory, { recursive: true })
    }
  }
}

/** Those that go first take turns too. */
function toTurns(builds: Run['builds'], round: number): [string, string][] {
  const all = Object.entries(builds)
  return round % 2 === 0 ? all : all.toReversed()
}

function toProgram(tree: string): string {
  return join(tree, 'dist/command/vouch.js')
}

async function timeCheck(tree: string, { a, b }: Pair, cache: string): Promise<number> {
  const begun = performance.now()
  const args = [toProgram(tree), 'check', '--replica', `a=${a}`, '--replica', `b=${b}`]
  const env = { ...process.env, XDG_CACHE_HOME: cache }
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'], env })
  const [status] = await once(child, 'exit')
  // The trees differ, as a pair does.
  if (status !== 1) throw new Error(`check ended with ${status}`)
  return (performance.now() - begun) / 1000
}

/** Compared reads a second of one settled file, by two coordinators that have read it before. */
async function measureReads({ builds, scratch, processes, rounds, ageMs, add }: Run): Promise<void> {
  const { a, b } = createPair(join(scratch, 'pair'), { files: 4, toSize: () => 1024, changes: 0 })
  await delay(ageMs)
  const urls: Record<string, string> = {}
  const pids: Record<string, number> = {}
  for (const [build, tree] of Object.entries(builds)) {
    const replicas = ['--replica', `a=${a}`, '--replica', `b=${b}`]
    const args = [toProgram(tree), 'coordinator', ...replicas, '--port', '0']
    const env = { XDG_CACHE_HOME: join(scratch, build) }
    const { url, pid } = await processes.start(build, process.execPath, args, { env })
    pids[build] = pid
    urls[build] = `${url}/files/d00/e00/f00.bin`
  }
  for (let round = -1; round < rounds; round++) {
    for (const [build, url] of toTurns(urls, round)) {
      const load = {
        url,
        connections: CONNECTIONS,
        seconds: LOAD_SECONDS,
        status: 200,
        agreement: 'unanimous',
      } as const
      const before = readCpuSeconds(pids[build] ?? 0)
      const { rate = Number.NaN, reads = Number.NaN } = await runLoad(load)
      // The first is for what is to be remembered.
      if (round < 0) continue
      add('reads a second', build, rate)
      // On a busy machine this says more.
      add(
        'processor time for a read, in microseconds',
        build,
        ((readCpuSeconds(pids[build] ?? 0) - before) / reads) * 1e6,
      )
    }
  }
}

function print(figures: Figures): void {
  for (const key of Object.keys(figures).filter((key) => key.endsWith(' this'))) {
    const what = key.slice(0, -' this'.length)
    const [mine, theirs] = [figures[key] ?? [], figures[`${what} other`] ?? []]
    const all = [mine, theirs].map((values) => values.map((value) => value.toPrecision(3)).join(' '))
    const ratio = median(mine) / median(theirs)
    console.log(`${what}: ${ratio.toFixed(3)} times the other (${all.join(' | ')})`)
  }
}
