import type { Sample } from './measurement.ts'
import type { Ratio, Round } from './ratios.ts'
import { ROWS } from './rows.ts'
import { median, type Spread, toSpread } from './statistics.ts'

/** Something that could not be measured. */
export interface Failure {
  readonly row: string
  readonly message: string
}

interface Column {
  readonly title: string
  toCell(samples: readonly Sample[]): string
}

const LARGE_ROWS: ReadonlySet<string> = new Set([
  ROWS.warm,
  ROWS.barePipe,
  ROWS.nginxLarge,
  ROWS.cold,
  ROWS.openssl,
])

/** The tables, in Markdown: small reads, then large ones. */
export function toTables(rounds: readonly Round[]): string[] {
  const reads = Object.values(ROWS).filter((row) => !LARGE_ROWS.has(row))
  const usage = [toCpuColumn(1000), MEMORY]
  const tables = [
    toTable('reads', reads, rounds, [RATE, P50, P99, ...usage, COMPUTED]),
    toTable('large reads', [...LARGE_ROWS], rounds, [SPEED, FIRST_BYTE, toCpuColumn(1), MEMORY]),
  ]
  return tables.filter((table) => table !== '')
}

function toTable(
  title: string,
  rows: readonly string[],
  rounds: readonly Round[],
  columns: Column[],
): string {
  const lines = rows.flatMap((row) => {
    const samples = rounds.flatMap((round) => round.get(row) ?? [])
    return samples.length === 0 ? [] : [[row, ...columns.map((column) => column.toCell(samples))]]
  })
  // A column that nobody has anything to say in says nothing.
  const used = [true, ...columns.map((_, i) => lines.some((line) => line[i + 1] !== ''))]
  const heads = [title, ...columns.map((column) => column.title)]
  if (lines.length === 0) return ''
  return [heads, heads.map(() => '---'), ...lines]
    .map((cells) => `| ${cells.filter((_, i) => used[i]).join(' | ')} |`)
    .join('\n')
}

const RATE = toFigureColumn('requests/s', 'rate', 0)
const P50 = toFigureColumn('p50 ms', 'p50', 2)
const P99 = toFigureColumn('p99 ms', 'p99', 2)
const SPEED = toFigureColumn('MiB/s', 'speed', 0)
const FIRST_BYTE = toFigureColumn('first byte ms', 'firstByte', 1)
const COMPUTED: Column = {
  title: 'digests computed',
  toCell(samples) {
    const [sample] = samples
    if (sample?.row !== ROWS.names && sample?.row !== ROWS.namesAgain) return ''
    return String(sample.figures.computed ?? 'not shown')
  },
}
const MEMORY: Column = {
  title: 'peak memory MiB (above rest)',
  toCell: (samples) =>
    toProcessCell(samples, (usage) => {
      const above = Math.max(0, ...usage.map(({ aboveRestMiB }) => aboveRestMiB))
      return `${Math.max(...usage.map(({ peakMiB }) => peakMiB)).toFixed(0)} (+${above.toFixed(0)})`
    }),
}

function toFigureColumn(title: string, key: keyof Sample['figures'], digits: number): Column {
  const toCell = (samples: readonly Sample[]) =>
    showSpread(toSpread(samples.flatMap(({ figures }) => figures[key] ?? [])), digits)
  return { title, toCell }
}

function toCpuColumn(reads: number): Column {
  const title = reads === 1 ? 'CPU s a download' : `CPU s/${reads}`
  const toCell = (samples: readonly Sample[]) =>
    toProcessCell(samples, (usage) => {
      const each = usage.map(({ cpuSeconds }, i) => cpuSeconds / (samples[i]?.figures.reads ?? Number.NaN))
      return (median(each) * reads).toFixed(3)
    })
  return { title, toCell }
}

/** What `show` makes of each process of a row, in all its rounds. */
function toProcessCell(samples: readonly Sample[], show: (usage: Sample['usage']) => string): string {
  const names = samples[0]?.usage.map(({ process }) => process) ?? []
  return names.map((name, i) => `${name} ${show(samples.flatMap(({ usage }) => usage[i] ?? []))}`).join(', ')
}

/** The demands and what came of them, then the other ratios. */
export function toRatioTable(goals: readonly Ratio[], others: readonly Ratio[]): string {
  const lines = [...goals, ...others].map(({ what, spread, goal = '', met, unit }) => {
    const figure = spread === null ? 'not measured' : showSpread(spread, unit ? 0 : 2)
    const verdict = met === undefined ? '' : met ? 'ok' : 'short'
    return `| ${what} | ${figure}${unit && spread ? ` ${unit}` : ''} | ${goal} | ${verdict} |`
  })
  return ['| must show | measured | asked | |', '| --- | --- | --- | --- |', ...lines].join('\n')
}

function showSpread(spread: Spread | null, digits: number): string {
  if (spread === null) return ''
  const [middle, min, max] = [spread.median, spread.min, spread.max].map((value) => value.toFixed(digits))
  return min === max ? `${middle}` : `${middle} (${min}–${max})`
}
