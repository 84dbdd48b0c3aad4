import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createColdMeasurements } from './cold.ts'
import { createCrowdMeasurements } from './crowd.ts'
import { interruption } from './execute.ts'
import { createHashingMeasurements } from './hashing.ts'
import { toHead } from './head.ts'
import { createLargeMeasurements } from './large.ts'
import type { Measurement, Sample } from './measurement.ts'
import { createNamesMeasurements } from './names.ts'
import { createProcesses } from './processes.ts'
import { type Round, toGoals, toOtherRatios } from './ratios.ts'
import { createReadMeasurements, createYardstickMeasurements } from './reads.ts'
import { type Failure, toRatioTable, toTables } from './report.ts'
import { ROWS } from './rows.ts'
import { FULL, findInstalled, QUICK, type Setting } from './setting.ts'
import { createStage } from './stage.ts'
import { measureIdle } from './usage.ts'

const USAGE = `node bench/bench.ts [options]: measure vouch in real processes, beside yardsticks in the same rounds

  --rounds N        how often every row is measured (5)
  --seconds N       how long a row is loaded in a round (3)
  --seed-dir DIR    where the original server1.py and server2.py lie; not measured without it
  --only NAME,...   only rows whose short name contains one of these:
${toLines(Object.keys(ROWS))}
  --json FILE       also write every figure of every round there
  --quick           one round of one second, smaller files: shows that it works, measures nothing

Takes Linux, curl and 8 GiB of temporary space. Prints Markdown on standard output and progress on standard error.
Exit status: 0 everything was measured, 2 something could not be.
`

const OPTIONS = {
  rounds: { type: 'string' },
  seconds: { type: 'string' },
  'seed-dir': { type: 'string' },
  only: { type: 'string' },
  json: { type: 'string' },
  quick: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const
/** Four copies of the large file, 200,000 small ones at a block each, logs. */
/** How long each row is warmed: the servers answer twice as fast after that as at first. */
const WARM_MS = 10_000
const SPACE_BYTES = 8 * 2 ** 30

process.exitCode = await main()

async function main(): Promise<number> {
  const flags = parseFlags()
  if (flags === null) return 2
  if (flags.help) {
    process.stdout.write(USAGE)
    return 0
  }
  const scratch = mkdtempSync(join(os.tmpdir(), 'vouch-bench-'))
  const processes = createProcesses(join(scratch, 'logs'))
  process.on('exit', () => {
    processes.killAll()
    rmSync(scratch, { recursive: true, force: true, maxRetries: 5 })
  })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupt)

  const quick = flags.quick ?? false
  const rounds = toNumber(flags.rounds, quick ? 1 : 5)
  const seconds = toNumber(flags.seconds, quick ? 1 : 3)
  const sizes = quick ? QUICK : FULL
  const seedDirectory = flags['seed-dir']
  const setting = { scratch, processes, rounds, seconds, sizes, seedDirectory, installed: findInstalled() }
  const trouble = findTrouble(setting)
  if (trouble !== null) {
    say(trouble)
    return 2
  }
  return await measure(setting, flags.only, flags.json)
}

function parseFlags() {
  try {
    return parseArgs({ options: OPTIONS }).values
  } catch (error) {
    say(`${error instanceof Error ? error.message : error}\n\n${USAGE}`)
    return null
  }
}

function interrupt(): void {
  interruption.abort()
  process.exit(130)
}

function toNumber(text: string | undefined, standard: number): number {
  return text === undefined ? standard : Number(text)
}

function findTrouble({ scratch, rounds, seconds, installed, seedDirectory }: Setting): string | null {
  if (!(Number.isInteger(rounds) && rounds > 0)) return '--rounds takes a number from 1 up'
  if (!(Number.isInteger(seconds) && seconds > 0)) return '--seconds takes a number from 1 up'
  if (process.platform !== 'linux') return 'the processes are watched through /proc, which takes Linux'
  if (!installed.curl) return 'curl is not installed'
  if (seedDirectory !== undefined && !installed.python3)
    return 'the seed takes python3, which is not installed'
  const { bavail, bsize } = statfsSync(scratch)
  return bavail * bsize < SPACE_BYTES ? `${os.tmpdir()} has less than 8 GiB of free space` : null
}

function createMeasurements(setting: Setting, only: string | undefined): Measurement[] {
  const stage = createStage(setting)
  const all = [
    ...createReadMeasurements(setting, stage),
    ...createYardstickMeasurements(setting, stage),
    ...createLargeMeasurements(setting, stage),
    ...createColdMeasurements(setting, stage),
    ...createHashingMeasurements(setting, stage),
    ...createCrowdMeasurements(setting, stage),
    ...createNamesMeasurements(setting),
  ]
  const names = only?.split(',') ?? ['']
  const rows = Object.entries(ROWS).flatMap(([key, row]) =>
    names.some((name) => key.includes(name)) ? row : [],
  )
  return [...new Set(rows.flatMap((row) => all.filter((measurement) => measurement.rows.includes(row))))]
}

async function measure(
  setting: Setting,
  only: string | undefined,
  json: string | undefined,
): Promise<number> {
  const measurements = createMeasurements(setting, only)
  if (measurements.length === 0) {
    say('no row has such a name')
    return 2
  }
  const failures: Failure[] = []
  const idleBefore = await measureIdle()
  for (const measurement of measurements) {
    if (!measurement.fresh) await warm(measurement, failures)
  }
  const rounds: Round[] = []
  for (let i = 0; i < setting.rounds; i++) {
    rounds.push(await measureRound(i, setting, measurements, failures))
  }
  await setting.processes.stopAll()
  report(toHead(setting, idleBefore), rounds, failures, json)
  return failures.length === 0 ? 0 : 2
}

/** Runs it for as long as the compiler of its servers goes on learning from it. */
async function warm(measurement: Measurement, failures: Failure[]): Promise<void> {
  const end = performance.now() + WARM_MS
  let samples: readonly Sample[]
  do samples = await attempt('warming', measurement, failures)
  while (samples.length > 0 && performance.now() < end)
}

async function measureRound(
  index: number,
  { rounds, processes }: Setting,
  measurements: readonly Measurement[],
  failures: Failure[],
): Promise<Round> {
  const first = Math.floor((index * measurements.length) / rounds)
  const samples = new Map<string, Sample>()
  for (const measurement of [...measurements.slice(first), ...measurements.slice(0, first)]) {
    if (measurement.single && index > 0) continue
    for (const sample of await attempt(`round ${index + 1}`, measurement, failures)) {
      samples.set(sample.row, sample)
    }
    processes.trimLogs()
  }
  return samples
}

async function attempt(
  when: string,
  measurement: Measurement,
  failures: Failure[],
): Promise<readonly Sample[]> {
  try {
    const samples = await measurement.run()
    for (const { row, figures } of samples) say(`${when}: ${row}: ${JSON.stringify(figures)}`)
    return samples
  } catch (error) {
    const message = `${when}: ${error instanceof Error ? error.message : error}`
    const row = measurement.rows.join('; ')
    say(`${row}: ${message}`)
    if (!failures.some((failure) => failure.row === row)) failures.push({ row, message })
    return []
  }
}

function report(
  head: readonly string[],
  rounds: readonly Round[],
  failures: readonly Failure[],
  json: string | undefined,
): void {
  const [goals, others] = [toGoals(rounds), toOtherRatios(rounds)]
  const parts = [...head, ...toTables(rounds), toRatioTable(goals, others)]
  if (failures.length > 0) {
    parts.push(
      [
        'Not measured, or not in every round:',
        ...failures.map(({ row, message }) => `- ${row}: ${message}`),
      ].join('\n'),
    )
  }
  console.log(parts.join('\n\n'))
  if (json === undefined) return
  const samples = rounds.map((round) => [...round.values()])
  writeFileSync(json, `${JSON.stringify({ head, rounds: samples, goals, others, failures }, null, 2)}\n`)
}

function say(text: string): void {
  process.stderr.write(`${text}\n`)
}

/** Words in lines that fit below an option. */
function toLines(words: readonly string[]): string {
  return words
    .join(' ')
    .replaceAll(/(.{1,70})(?: |$)/g, '                    $1\n')
    .trimEnd()
}
