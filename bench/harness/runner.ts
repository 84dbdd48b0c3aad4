/**
 * The figures of one row in one round, by column; the column `CPU s/1000|replica` is the replica's part of a
 * cell.
 */
export type Figures = Readonly<Record<string, number>>
/** What one round measured, by row. */
export type Round = Readonly<Record<string, Figures>>

/** Something that is measured once a round. */
export interface Measurement {
  /** The rows that `run` returns. */
  readonly rows: readonly string[]
  /** Measured in the first round only, because it takes long. */
  readonly single?: true
  /** Starts its own processes each time, so there is nothing to warm. */
  readonly fresh?: true
  /** Rejects when an answer was not the expected one: its figures would mean nothing. */
  run(): Promise<Round>
}

/** A figure of a row, divided by the same figure of the row `over` in the same round. */
export interface Ratio {
  readonly what: string
  readonly of: string
  /** The figure itself is shown when absent. */
  readonly over?: string
  readonly column: string
  readonly atLeast?: number
  readonly atMost?: number
}

/** All rounds, and a line for each measurement that failed. */
export interface Results {
  readonly rounds: readonly Round[]
  readonly failures: ReadonlySet<string>
}

/**
 * Runs every measurement once a round, each round beginning with another one, so that whatever disturbs the
 * machine disturbs all of them. Before, each is run for `warmMs` (at least once) without being counted.
 */
export async function runRounds(
  measurements: readonly Measurement[],
  { rounds, warmMs }: { readonly rounds: number; readonly warmMs: number },
): Promise<Results> {
  const failures = new Set<string>()

  async function attempt(when: string, { rows, run }: Measurement): Promise<Round> {
    try {
      const round = await run()
      for (const [row, figures] of Object.entries(round)) say(`${when}: ${row}: ${JSON.stringify(figures)}`)
      return round
    } catch (error) {
      const failure = `${rows.join('; ')}: ${error instanceof Error ? error.message : error}`
      failures.add(failure)
      say(`${when}: ${failure}`)
      return {}
    }
  }

  for (const measurement of measurements.filter(({ fresh }) => !fresh)) {
    const end = performance.now() + warmMs
    do await attempt('warming', measurement)
    while (performance.now() < end && failures.size === 0)
  }
  const all: Round[] = []
  for (let i = 0; i < rounds; i++) {
    const first = Math.floor((i * measurements.length) / rounds)
    let round: Round = {}
    for (const measurement of [...measurements.slice(first), ...measurements.slice(0, first)]) {
      if (!measurement.single || i === 0)
        round = { ...round, ...(await attempt(`round ${i + 1}`, measurement)) }
    }
    all.push(round)
  }
  return { rounds: all, failures }
}

/** Prints the tables `titles` (each with its rows), the ratios, and the failures; returns the exit status. */
export function report(
  tables: Readonly<Record<string, readonly string[]>>,
  ratios: readonly Ratio[],
  { rounds, failures }: Results,
): number {
  const parts = Object.entries(tables).map(([title, rows]) => toTable(title, rows, rounds))
  parts.push(
    toRatioTable(ratios, rounds),
    [...failures].map((failure) => `- not measured: ${failure}`).join('\n'),
  )
  process.stdout.write(`${parts.filter((part) => part !== '').join('\n\n')}\n`)
  return failures.size === 0 ? 0 : 2
}

/** A Markdown table of medians (least–greatest); '' when none of `rows` was measured. */
export function toTable(title: string, rows: readonly string[], rounds: readonly Round[]): string {
  const measured = rows.filter((row) => rounds.some((round) => round[row] !== undefined))
  const keys = new Set(measured.flatMap((row) => rounds.flatMap((round) => Object.keys(round[row] ?? {}))))
  const columns = Map.groupBy(keys, (key) => key.split('|')[0] ?? key)
  const toCell = (row: string, part: string) => {
    const name = part.split('|')[1]
    const text = showSpread(rounds.flatMap((round) => round[row]?.[part] ?? []))
    return text === '' ? [] : [name === undefined ? text : `${name} ${text}`]
  }
  const lines = measured.map((row) => [
    row,
    ...[...columns.values()].map((parts) => parts.flatMap((part) => toCell(row, part)).join(', ')),
  ])
  return lines.length === 0 ? '' : toMarkdown([title, ...columns.keys()], lines)
}

/** A Markdown table of those ratios whose rows were measured. */
export function toRatioTable(ratios: readonly Ratio[], rounds: readonly Round[]): string {
  const lines = ratios.flatMap(({ what, of, over, column, atLeast, atMost }) => {
    const values = rounds
      .map(
        (round) => (round[of]?.[column] ?? Number.NaN) / (over ? (round[over]?.[column] ?? Number.NaN) : 1),
      )
      .filter((value) => !Number.isNaN(value))
    if (values.length === 0) return []
    const goal = [
      atLeast === undefined ? [] : `at least ${atLeast}`,
      atMost === undefined ? [] : `at most ${atMost}`,
    ]
    const isMet = median(values) >= (atLeast ?? -Infinity) && median(values) <= (atMost ?? Infinity)
    const words = goal.flat().join(', ')
    return [[what, showSpread(values), words, words === '' ? '' : isMet ? 'ok' : 'short']]
  })
  return lines.length === 0 ? '' : toMarkdown(['must show', 'measured', 'asked', ''], lines)
}

function toMarkdown(heads: readonly string[], lines: readonly (readonly string[])[]): string {
  return [heads, heads.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

function showSpread(values: readonly number[]): string {
  if (values.length === 0) return ''
  const [middle, least, most] = [median(values), Math.min(...values), Math.max(...values)].map(show)
  return least === most ? `${middle}` : `${middle} (${least}–${most})`
}

function show(value: number): string {
  return value.toFixed(Number.isInteger(value) || Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 1 ? 2 : 3)
}

/** The middle of `values`, or the mean of the two in the middle; NaN when there are none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const half = (sorted.length - 1) / 2
  return ((sorted[Math.floor(half)] ?? Number.NaN) + (sorted[Math.ceil(half)] ?? Number.NaN)) / 2
}

/** Reports progress on standard error. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`)
}

/** `work`, done at the first call only; every call gets its result. */
export function once<T>(work: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined
  return () => {
    result ??= work()
    return result
  }
}
