import type { Figures, Sample } from './measurement.ts'
import { ROWS } from './rows.ts'
import { type Spread, toSpread } from './statistics.ts'

/** One round: what was measured of each row in it. */
export type Round = ReadonlyMap<string, Sample>

/** What must hold, or is only told, of two rows. */
export interface Ratio {
  readonly what: string
  /** The ratios of all rounds; null when no round has both rows. */
  readonly spread: Spread | null
  /** What is asked of the median; absent where nothing is. */
  readonly goal?: string
  readonly met?: boolean
  /** Not a ratio of two rows but a figure. */
  readonly unit?: string
}

interface Goal {
  readonly atLeast?: number
  readonly atMost?: number
  readonly below?: number
}

type Key = keyof Figures
type Line = readonly [what: string, row: string, over: string, key: Key, goal?: Goal]

const LINES: readonly Line[] = [
  ['1 KiB c32, requests/s: two replicas / seed', ROWS.pair32, ROWS.seed32, 'rate', { atLeast: 4 }],
  ['1 KiB c32, requests/s: two replicas / node:http', ROWS.pair32, ROWS.bare32, 'rate', { atLeast: 0.5 }],
  ['1 KiB c32, p99: two replicas / seed', ROWS.pair32, ROWS.seed32, 'p99', { below: 1 }],
  [
    '1 KiB c32, cost: one remote / three remote, requests/s',
    ROWS.one32,
    ROWS.three32,
    'rate',
    { atMost: 1.6 },
  ],
  ['large, digest known, MiB/s: vouch / node pipe', ROWS.warm, ROWS.barePipe, 'speed', { atLeast: 0.9 }],
  [
    'large, digest not known, first byte: vouch / openssl',
    ROWS.cold,
    ROWS.openssl,
    'firstByte',
    { atMost: 1.25 },
  ],
  ['1 KiB c8, p99: while a replica hashes / quiet', ROWS.hashing, ROWS.quiet, 'p99', { atMost: 3 }],
  ['1 KiB c8, p99: beside a crowd / alone', ROWS.crowd, ROWS.crowdQuiet, 'p99', { atMost: 5 }],
]

const OTHERS: readonly Line[] = [
  ['1 KiB c1, requests/s: two replicas / seed', ROWS.pair1, ROWS.seed1, 'rate'],
  ['1 KiB c1, requests/s: two replicas / node:http', ROWS.pair1, ROWS.bare1, 'rate'],
  ['1 KiB c1, cost: one remote / three remote, requests/s', ROWS.one1, ROWS.three1, 'rate'],
  ['1 KiB c32, requests/s: two replicas / Hono hello', ROWS.pair32, ROWS.hono32, 'rate'],
  ['1 KiB c32, requests/s: two replicas / nginx', ROWS.pair32, ROWS.nginx32, 'rate'],
  ['64 KiB c32, requests/s: two replicas / node:http', ROWS.medium32, ROWS.bareMedium32, 'rate'],
  ['conflict c32, requests/s: two replicas / seed', ROWS.conflict32, ROWS.seedConflict32, 'rate'],
  ['large, digest known, MiB/s: vouch / nginx', ROWS.warm, ROWS.nginxLarge, 'speed'],
  ['node:http c8, p99: while openssl hashes / quiet', ROWS.bareHashing, ROWS.bareQuiet, 'p99'],
]

/** What the issue of speed asks for, measured; a line for each demand, whether or not its rows were measured. */
export function toGoals(rounds: readonly Round[]): Ratio[] {
  return [
    ...LINES.map((line) => toRatio(rounds, line)),
    toMemory(rounds, 'aboveRestMiB', { below: 150 }),
    toComputed(rounds),
    toGrown(rounds, 'grownMiB', 'memory', 'MiB', 32),
    toGrown(rounds, 'grownDescriptors', 'open files', 'descriptors', 0),
  ]
}

/** Other ratios that were measured. */
export function toOtherRatios(rounds: readonly Round[]): Ratio[] {
  const all = [...OTHERS.map((line) => toRatio(rounds, line)), toMemory(rounds, 'aboveStartMiB')]
  return all.filter(({ spread }) => spread !== null)
}

/** Round by round, for what disturbs a machine disturbs both rows of a round. */
function toRatio(rounds: readonly Round[], [what, row, over, key, goal]: Line): Ratio {
  const ratios = rounds.map((round) => readFigure(round, row, key) / readFigure(round, over, key))
  return judge({ what, spread: toSpread(ratios.filter(Number.isFinite)) }, goal)
}

function readFigure(round: Round, row: string, key: Key): number {
  return round.get(row)?.figures[key] ?? Number.NaN
}

function toMemory(rounds: readonly Round[], key: 'aboveRestMiB' | 'aboveStartMiB', goal?: Goal): Ratio {
  const above = rounds.flatMap((round) => {
    const usage = round.get(ROWS.warm)?.usage.find(({ process }) => process === 'coordinator')
    return usage ? [usage[key]] : []
  })
  const since = key === 'aboveRestMiB' ? 'rest before it' : 'its start'
  const what = `large, digest known: peak memory of the coordinator above ${since}`
  return judge({ what, spread: toSpread(above), unit: 'MiB' }, goal)
}

function toComputed(rounds: readonly Round[]): Ratio {
  const computed = rounds
    .map((round) => readFigure(round, ROWS.namesAgain, 'computed'))
    .filter(Number.isFinite)
  const what = 'different names: digests computed after the restart'
  return judge({ what, spread: toSpread(computed), unit: 'digests' }, { atMost: 0 })
}

function toGrown(rounds: readonly Round[], key: Key, word: string, unit: string, atMost: number): Ratio {
  const grown = rounds.map((round) => readFigure(round, ROWS.soak, key)).filter(Number.isFinite)
  return judge({ what: `soak, second half: growth of ${word}`, spread: toSpread(grown), unit }, { atMost })
}

function judge(ratio: Ratio, goal?: Goal): Ratio {
  if (goal === undefined) return ratio
  const { atLeast = -Infinity, atMost = Infinity, below = Infinity } = goal
  const words = [
    ['at least', goal.atLeast],
    ['at most', goal.atMost],
    ['below', goal.below],
  ] as const
  const text = words.flatMap(([word, limit]) => (limit === undefined ? [] : `${word} ${limit}`)).join(', ')
  const told = { ...ratio, goal: text }
  if (ratio.spread === null) return told
  const { median } = ratio.spread
  return { ...told, met: median >= atLeast && median <= atMost && median < below }
}
