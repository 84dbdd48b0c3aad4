import { statfsSync } from 'node:fs'
import os from 'node:os'
import { parseArgs } from 'node:util'
import { createDisturbedMeasurements, SOAK_ROW, toCrowdRow } from './disturbed-reads.ts'
import { readVersion, type Workshop, withWorkshop } from './harness/processes.ts'
import { type Ratio, report, runRounds, say } from './harness/runner.ts'
import { createStage } from './harness/servers.ts'
import { createColdMeasurements, createLargeMeasurements } from './large-reads.ts'
import { createNamesMeasurement, createReadMeasurements } from './reads.ts'

const USAGE = `node bench/bench.ts [options]: measure vouch in real processes, beside yardsticks in the same rounds

  --rounds N        how often every row is measured (5)
  --seconds N       how long a row is loaded in a round (3)
  --seed-dir DIR    the folder of the original server1.py and server2.py; they are not measured without it
  --only TEXT,...   only rows whose name contains one of these, such as c32, large, hash, idle, names
  --quick           one round of one second, smaller files: shows that it works, and measures nothing

Requires Linux, curl, openssl and 8 GiB of temporary space. Prints Markdown on standard output and progress on standard
error. Exit status: 0 every row was measured, 2 some row could not be.
`
/** The rate of a row grows for so long after its servers started. */
const WARM_MS = 10_000
const SPACE_BYTES = 8 * 2 ** 30
const FULL = { largeBytes: 2 ** 30, names: 100_000, soakReads: 720_000, warmMs: WARM_MS }
const QUICK = { largeBytes: 64 * 2 ** 20, names: 2000, soakReads: 2000, warmMs: 0 }

const PAIR = 'compared 1 KiB, one local and one remote, c32'
const SEED = 'seed, 1 KiB, c32'
const BARE = 'node:http, 1 KiB from a buffer, c32'
const [RATE, P99, SPEED, FIRST] = ['requests/s', 'p99 ms', 'MiB/s', 'first byte ms'] as const
const [WARM, COLD] = ['large file, digest known', 'large file, digest not known']
const RATIOS: readonly Ratio[] = [
  { what: '1 KiB c32, requests/s: two replicas / seed', of: PAIR, over: SEED, column: RATE, atLeast: 4 },
  {
    what: '1 KiB c32, requests/s: two replicas / node:http',
    of: PAIR,
    over: BARE,
    column: RATE,
    atLeast: 0.5,
  },
  { what: '1 KiB c32, p99: two replicas / seed', of: PAIR, over: SEED, column: P99, atMost: 1 },
  {
    what: '1 KiB c32, cost: one remote / three remote, requests/s',
    of: 'compared 1 KiB, one remote, c32',
    over: 'compared 1 KiB, three remote, c32',
    column: RATE,
    atMost: 1.5,
  },
  {
    what: 'large, digest known, MiB/s: vouch / node pipe that hashes on a thread',
    of: WARM,
    over: 'large file, node pipe that hashes on a thread',
    column: SPEED,
    atLeast: 0.95,
  },
  {
    what: 'large, digest known, MiB/s: vouch / node pipe',
    of: WARM,
    over: 'large file, node pipe',
    column: SPEED,
  },
  {
    what: 'large, digest not known, first byte: vouch / openssl',
    of: COLD,
    over: 'large file, openssl on both copies side by side',
    column: FIRST,
    atMost: 1.25,
  },
  {
    what: '1 KiB c8, p99: while a replica hashes / quiet',
    of: 'compared 1 KiB, c8, while a replica hashes',
    over: 'compared 1 KiB, c8, quiet',
    column: P99,
    atMost: 3,
  },
  {
    what: '1 KiB c8, p99: beside a crowd / alone',
    of: toCrowdRow(),
    over: 'compared 1 KiB, c8, alone',
    column: P99,
    atMost: 5,
  },
  {
    what: 'large, digest known: peak memory of the coordinator above rest before it, MiB',
    of: WARM,
    column: 'MiB above rest|coordinator',
    atMost: 150,
  },
  {
    what: 'different names: digests computed after the restart',
    of: 'different names, each once, after a restart',
    column: 'digests computed',
    atMost: 0,
  },
  { what: 'soak, second half: growth of memory, MiB', of: SOAK_ROW, column: 'grown MiB', atMost: 32 },
  { what: 'soak, second half: growth of open files', of: SOAK_ROW, column: 'grown files', atMost: 0 },
  {
    what: '1 KiB c32, requests/s: two replicas / Hono hello',
    of: PAIR,
    over: 'Hono hello, c32',
    column: RATE,
  },
]

const { values } = parseArgs({
  options: {
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    'seed-dir': { type: 'string' },
    only: { type: 'string', default: '' },
    quick: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h' },
  },
})

if (values.help) process.stdout.write(USAGE)
else process.exitCode = await withWorkshop(measure)

async function measure(workshop: Workshop): Promise<number> {
  const rounds = Number(values.rounds ?? (values.quick ? 1 : 5))
  const seconds = Number(values.seconds ?? (values.quick ? 1 : 3))
  const size = values.quick ? QUICK : FULL
  const { bavail, bsize } = statfsSync(workshop.scratch)
  if (bavail * bsize < SPACE_BYTES) throw new Error(`${os.tmpdir()} has less than 8 GiB of free space`)
  const stage = createStage(workshop, size.largeBytes, values['seed-dir'])
  const all = [
    ...createReadMeasurements(stage, seconds, values['seed-dir'] !== undefined),
    ...createLargeMeasurements(stage, size.largeBytes),
    ...createColdMeasurements(workshop, stage, size.largeBytes),
    ...createDisturbedMeasurements(workshop, seconds, size.soakReads),
    createNamesMeasurement(workshop, size.names),
  ]
  const only = values.only.split(',')
  const chosen = all.filter(({ rows }) => rows.some((row) => only.some((text) => row.includes(text))))
  if (chosen.length === 0) throw new Error(`no row's name contains ${values.only}`)
  const results = await runRounds(chosen, { rounds, warmMs: size.warmMs })
  say('')
  process.stdout.write(`${toMachine()} Rounds: ${rounds}, ${seconds} s a row.\n\n`)
  const isLarge = (row: string) => row.startsWith('large')
  const rows = chosen.flatMap((measurement) => measurement.rows)
  return report(
    { reads: rows.filter((row) => !isLarge(row)), 'large reads': rows.filter(isLarge) },
    RATIOS,
    results,
  )
}

function toMachine(): string {
  const cpus = os.cpus()
  const programs = { wrk: '-v', openssl: 'version', curl: '--version', python3: '--version' }
  return [
    new Date().toISOString().slice(0, 10),
    `${cpus.length} × ${cpus[0]?.model}`,
    `${Math.round(os.totalmem() / 2 ** 30)} GiB`,
    `${os.type()} ${os.release()}`,
    `Node ${process.version}`,
    ...Object.entries(programs).map(([name, flag]) => readVersion(name, flag) ?? `no ${name}`),
    `load ${os.loadavg()[0]?.toFixed(1)}.`,
  ].join(', ')
}
