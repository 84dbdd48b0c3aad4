import type { MissingName, Sides } from '../../../functions/coordinator/compare/missing-name.ts'
import { addSizes } from '../../../functions/storage/survey/survey.ts'
import type { Manifest } from '../../../functions/wire/schemas/manifest.ts'
import { escapeControls, formatCount, formatSize } from '../../../functions/wire/text.ts'
import type { Colour, Paint } from '../../hosting/colour.ts'
import { isTrouble } from '../client/failure-words.ts'
import type { Renamed } from './renames.ts'
import type { MissingFolder } from './roll-up.ts'

export type Mark = '=' | '*' | '+' | '-' | '!'

/** The mark of `rclone check --combined`, with the first replica as its source. */
export function toMark({ agreement, replicas }: Manifest): Mark {
  if (replicas.some(({ rottedFrom }) => rottedFrom !== undefined)) return '*'
  if (agreement === 'unanimous') return '='
  if (agreement === 'conflict') return '*'
  if (agreement !== 'incomplete') return '!'
  return replicas[0]?.state === 'missing' ? '-' : '+'
}

/** As `git status --short`: rclone has no mark for a renamed file. */
const RENAMED = 'R'

const OF_MARK: Readonly<Record<string, Colour>> = {
  ...{ '=': 'green', '+': 'yellow', '-': 'yellow' },
  [RENAMED]: 'yellow',
}

/**
 * The lines for people; with `isFiltered`, those of folders say that they count only the files that match.
 */
export function createRows(paint: Paint, { isFiltered }: { readonly isFiltered: boolean }) {
  function toRow(mark: string, name: string, rest: string): string {
    const end = rest === '' ? '' : `  ${escapeControls(rest)}`
    return `${paint(mark, OF_MARK[mark] ?? 'red')} ${escapeControls(name)}${end}\n`
  }

  function toAmount(names: number, bytes: number | null, isWhole: boolean): string {
    const of = isWhole ? '' : 'of its '
    const what = isFiltered ? 'matching ' : ''
    const count = formatCount(names, `${of}${what}file`, `${of}${what}files`)
    return bytes === null ? count : `${count}, ${formatSize(bytes)}`
  }

  return {
    /** A name by its manifest. */
    manifest(mark: Mark, { name, versions, replicas }: Manifest): string {
      if (replicas.length <= 2 || mark === '=') return toRow(mark, name, '')
      const holders = versions.map((version) => version.replicas.join(' = ')).join(' ≠ ')
      const others = replicas.flatMap((report) => {
        const { id, state, detail, error } = report
        if (state === 'missing') return toMissingText(id)
        return isTrouble(report) ? `${id}: ${detail ?? error}` : []
      })
      return toRow(mark, name, [holders, ...others].join('; '))
    },
    name({ name, sides }: MissingName): string {
      const { holders, lacking, mark } = sides
      if (holders.length + lacking.length <= 2) return toRow(mark, name, '')
      return toRow(mark, name, [holders.join(' = '), ...lacking.map(toMissingText)].join('; '))
    },
    folder({ folder, sides, names, bytes, isWhole }: MissingFolder): string {
      return toRow(sides.mark, folder, `${toAmount(names, bytes, isWhole)}; ${toMissingText(listIds(sides))}`)
    },
    renamed({ from, to, files, sides }: Renamed): string {
      const bytes = files.reduce((sum: number | null, file) => addSizes(sum, file.from.size), 0)
      const amount = files.length === 1 ? '' : `${toAmount(files.length, bytes, true)}; `
      return toRow(RENAMED, `${from} -> ${to}`, `${amount}renamed on ${listIds(sides)}`)
    },
  }
}

function toMissingText(id: string): string {
  return `missing on ${id}`
}

function listIds({ lacking }: Sides): string {
  return lacking.join(', ')
}
