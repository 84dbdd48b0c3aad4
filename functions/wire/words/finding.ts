import type { AuditSummary } from '../schemas/audit.ts'
import type { Status } from '../schemas/ledger.ts'
import type { Manifest } from '../schemas/manifest.ts'
import { formatCount, formatNumber } from '../text.ts'

/** What an audit found of each copy of a name, for people: `a = b: 2d711642b726`, `missing on c`. */
export function toFindingWords(
  { versions, replicas }: Pick<Manifest, 'versions' | 'replicas'>,
  formatTime: (time: string) => string,
): string[] {
  const holders = versions.map(({ digest, replicas }) => `${replicas.join(' = ')}: ${digest.slice(0, 12)}`)
  const others = replicas.flatMap(({ id, state, error, rottedFrom, goodAt }) => {
    if (rottedFrom !== undefined)
      return `${id}: corrupt, was ${rottedFrom.slice(0, 12)}${goodAt === undefined ? '' : ` when it was read ${formatTime(goodAt)}`}`
    if (state === 'missing') return `missing on ${id}`
    return state === 'error' || state === 'corrupt' ? `${id}: ${error ?? state}` : []
  })
  return [...holders, ...others]
}

const COUNTED = { differ: 'differ', missing: 'missing', error: 'not read', corrupt: 'corrupt' }

/** How many names of a replica are not the same, for people: `2 differ`, `12 missing`; empty for none. */
export function toCountWords(states: Status['replicas'][number]['states']): string[] {
  return Object.entries(COUNTED).flatMap(([state, words]) => {
    const names = states[state] ?? 0
    return names > 0 ? `${formatNumber(names)} ${words}` : []
  })
}

/**
 * Which names an audit in steps has not compared on all replicas, for people: `2 ranges of names were not
 * compared on all replicas: after 'a' up to 'b', after 'x'`; names are as they are, to be escaped.
 */
export function toUnverifiedText({ ranges, examples }: NonNullable<AuditSummary['unverified']>): string {
  const texts = examples.map(({ after, until }) => {
    const bounds = [
      ...(after === '' ? [] : [`after '${after}'`]),
      ...(until === null ? [] : [`up to '${until}'`]),
    ]
    return bounds.length === 0 ? 'all of them' : bounds.join(' ')
  })
  const more = ranges > examples.length ? [`and ${formatNumber(ranges - examples.length)} more`] : []
  const start = `${formatCount(ranges, 'range', 'ranges')} of names ${ranges === 1 ? 'was' : 'were'}`
  return `${start} not compared on all replicas: ${[...texts, ...more].join(', ')}`
}
