import { spawn } from 'node:child_process'
import { once as untilEvent } from 'node:events'
import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { settle, writeTrees } from './harness/files.ts'
import { runLoad } from './harness/load.ts'
import { type Workshop, withWorkshop } from './harness/processes.ts'
import { type Figures, once, type Ratio, report, runRounds } from './harness/runner.ts'
import { SMALL, SMALL_BYTES, startPair } from './harness/servers.ts'

const USAGE = `node bench/verify-reads.ts [options]: measure compared reads while the servers verify, beside quiet ones, in turns

  --rounds N        how often each is measured (5)
  --seconds N       how long each is loaded in a round, and the bytes that are read are counted (3)
  --rate RATE       of the verification, in MB/s of each replica (40)
  --program PATH    the command (runtime/cli/vouch.ts)

Compared reads of one file of 1 KiB, over a directory and a replica server, while vouch verify has both read a sparse file that
takes longer than the rounds. What a process reads is rchar of /proc/PID/io, in a time in which nothing else is asked.
`
const [QUIET, BUSY] = ['compared 1 KiB, c8, quiet', 'compared 1 KiB, c8, while it is verified']
const WARM_MS = 10_000
const HUGE_BYTES = 64 * 2 ** 30
/** What a server that verifies has read at least. */
const BEGUN_BYTES = 4 * 2 ** 20
const BEGIN_MS = 30_000
const POLL_MS = 50

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
    rate: { type: 'string', default: '40' },
    program: { type: 'string', default: fileURLToPath(new URL('../runtime/cli/vouch.ts', import.meta.url)) },
    help: { type: 'boolean', short: 'h' },
  },
})

if (values.help) process.stdout.write(USAGE)
else process.exitCode = await withWorkshop(measure)

async function measure(workshop: Workshop): Promise<number> {
  const rate = Number(values.rate)
  const start = once(async () => {
    const trees = ['1', '2'].map((tree) => join(workshop.scratch, tree))
    writeTrees(trees, { files: 1, sizeOf: () => SMALL_BYTES })
    await settle()
    const cache = join(workshop.scratch, 'cache')
    const cluster = await startPair(workshop, trees, { program: values.program, cache })
    // Not before: a server reads what it finds at its start.
    for (const tree of trees) {
      writeFileSync(join(tree, 'huge.bin'), '')
      truncateSync(join(tree, 'huge.bin'), HUGE_BYTES)
    }
    return cluster
  })
  let round = 0

  async function run() {
    const cluster = await start()
    const [{ url }] = cluster
    const seconds = Number(values.seconds)
    const load = async (): Promise<Figures> => {
      const { reads: _, ...figures } = await runLoad({
        ...{ url: `${url}/files/${SMALL}`, connections: 8, seconds },
        agreement: 'unanimous',
      })
      return figures
    }
    const verified = () =>
      whileVerifying(
        url,
        cluster.map(({ pid }) => pid),
        async () => {
          const read = await countRead(cluster, seconds)
          return { ...(await load()), ...read }
        },
      )
    // Neither always comes first.
    const isFirst = round++ % 2 === 1
    const early = isFirst ? await verified() : undefined
    const quiet = await load()
    return { [QUIET]: quiet, [BUSY]: early ?? (await verified()) }
  }

  const results = await runRounds([{ rows: [QUIET, BUSY], run }], {
    rounds: Number(values.rounds),
    warmMs: WARM_MS,
  })
  const over = { of: BUSY, over: QUIET } as const
  const ratios: readonly Ratio[] = [
    { what: 'p99: while it is verified / quiet', ...over, column: 'p99 ms', atMost: 1.2 },
    { what: 'median: while it is verified / quiet', ...over, column: 'p50 ms' },
    ...['coordinator', 'replica'].map((name) => ({
      what: `MB/s that the ${name} reads, of ${rate}`,
      ...{ of: BUSY, column: `read MB/s|${name}`, atMost: 1.03 * rate },
    })),
  ]
  return report({ reads: [QUIET, BUSY] }, ratios, results)
}

/** Megabytes a second that each server reads in so many seconds, by its name. */
async function countRead(
  servers: readonly { readonly name: string; readonly pid: number }[],
  seconds: number,
): Promise<Figures> {
  const start = performance.now()
  const before = servers.map(({ pid }) => readChars(pid))
  await delay(1000 * seconds)
  const took = (performance.now() - start) / 1000
  return Object.fromEntries(
    servers.map(({ name, pid }, i) => {
      const bytes = readChars(pid) - (before[i] ?? Number.NaN)
      return [`read MB/s|${name}`, bytes / took / 1e6]
    }),
  )
}

/** Does `work` while all servers verify. */
async function whileVerifying(
  url: string,
  pids: readonly number[],
  work: () => Promise<Figures>,
): Promise<Figures> {
  const before = pids.map(readChars)
  const args = [values.program, 'verify', '--rate', `${values.rate}MB/s`, '--coordinator', url]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  const ended = untilEvent(child, 'exit')
  try {
    const hasBegun = () => pids.every((pid, i) => readChars(pid) - (before[i] ?? 0) > BEGUN_BYTES)
    for (const start = Date.now(); !hasBegun(); await delay(POLL_MS))
      if (Date.now() - start > BEGIN_MS) throw new Error('the servers do not begin to verify')
    const figures = await work()
    if (child.exitCode !== null) throw new Error('the verification ended before the measurement')
    return figures
  } finally {
    child.kill('SIGTERM')
    await ended
  }
}

/** Bytes that a process has read, of files and otherwise. */
function readChars(pid: number): number {
  return Number(/^rchar: (\d+)/.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1])
}
