import { createMarks } from '../../../functions/coordinator/audit/marks.ts'
import { mergeSummaries } from '../../../functions/coordinator/audit/merge-summaries.ts'
import { toOrdered } from '../../../functions/coordinator/audit/tally.ts'
import { compareNames } from '../../../functions/storage/names.ts'
import { MAX_NEW_EXAMPLES } from '../../../functions/wire/limits.ts'
import { addCounts } from '../../../functions/wire/passed.ts'
import type { AuditSummary } from '../../../functions/wire/schemas/audit.ts'
import type { Manifest } from '../../../functions/wire/schemas/manifest.ts'
import { AGREEMENTS } from '../../../functions/wire/schemas/values.ts'
import type { Io } from '../../hosting/io.ts'
import { UserError } from '../../node/user-error.ts'
import { type Result, readManifests, type Summary } from './result-file.ts'

/** Results in the order of their ranges, which are together all names; at least one. */
export type Parts = readonly [Result, ...Result[]]

/**
 * Puts the results of the parts of one check in order. Throws a UserError when they leave a gap, overlap, or
 * are not of one check: of other replicas, or of other names.
 */
export function toParts(results: readonly Result[]): Parts {
  const [first, ...rest] = results.toSorted((a, b) => compareNames(a.after, b.after))
  if (first === undefined) throw new UserError('merge takes the outputs of vouch check --json, got none')
  if (first.after !== '')
    throw new UserError(
      `there is a gap: no file has the names up to '${first.after}', where '${first.path}' begins`,
    )
  let before = first
  for (const one of rest) {
    requireSame(first, one)
    requireAdjoining(before, one)
    before = one
  }
  if (before.until !== null)
    throw new UserError(
      `there is a gap: no file has the names after '${before.until}', where '${before.path}' ends`,
    )
  return [first, ...rest]
}

function requireAdjoining(before: Result, one: Result): void {
  const order = before.until === null ? 1 : compareNames(before.until, one.after)
  if (order < 0)
    throw new UserError(
      `there is a gap: no file has the names after '${before.until}', where '${before.path}' ends, and up to '${one.after}', where '${one.path}' begins`,
    )
  if (order > 0)
    throw new UserError(
      `'${before.path}' and '${one.path}' overlap: both have names after '${one.after}'; parts of one check are split at the same names, which --split takes from one file`,
    )
}

function requireSame(first: Result, one: Result): void {
  const differing = (
    [
      ['compared other replicas than', ({ replicas }) => replicas.map(({ id }) => id)],
      ['has another prefix than', ({ scope }) => scope?.prefix ?? ''],
      ['has other globs than', ({ scope }) => [scope?.match ?? [], scope?.exclude ?? []]],
      ['leaves out other names by the settings than', ({ exclude = [] }) => exclude],
    ] satisfies [string, (result: Result) => unknown][]
  ).find(([, get]) => JSON.stringify(get(one)) !== JSON.stringify(get(first)))
  if (differing !== undefined)
    throw new UserError(`'${one.path}' ${differing[0]} '${first.path}'; they are not parts of one check`)
}

/** The names of all parts, each once, in byte order. */
export async function* readAll(parts: Parts, io: Pick<Io, 'cwd' | 'signal'>): AsyncGenerator<Manifest> {
  for (const part of parts) {
    for await (const manifest of readManifests(part, io))
      if (compareNames(manifest.name, part.after) > 0) yield manifest
  }
}

/** The summary of all parts, as one check of all their names has it. */
export function toWhole(parts: Parts): Summary {
  const [first] = parts
  const { prefix = '', match = [], exclude = [] } = first.scope ?? {}
  const isAll = prefix === '' && match.length === 0 && exclude.length === 0
  const { replicas, ...counts } = parts.map(withoutRepeated).reduce(mergeSummaries)
  const marks = joinMarks(parts)
  const changes = toChanges(parts)
  return {
    began: parts.map(({ began }) => began).sort()[0] ?? first.began,
    ...{ ...counts, agreements: toOrdered(counts.agreements) },
    ...(!isAll && { scope: { prefix, after: '', match, exclude } }),
    ...(changes && { changes }),
    ...(marks.length > 0 && { marks }),
    replicas,
  }
}

/** The summary of a part, without what the part before counts too. */
function withoutRepeated(part: Result): AuditSummary {
  const { agreement, rotten, uncompared, exclude, repeated } = part
  const agreements = Object.fromEntries(
    AGREEMENTS.flatMap((agreement) => {
      const again = repeated.filter((one) => one.agreement === agreement).length
      const names = (part.agreements[agreement] ?? 0) - again
      return names > 0 ? [[agreement, names] as const] : []
    }),
  )
  return {
    ...{ agreement, names: Object.values(agreements).reduce(addCounts, 0), agreements },
    ...{ rotten, uncompared: uncompared ?? 0, ...(exclude && { exclude }) },
    replicas: part.replicas.map((replica, nth) => {
      const again = repeated.filter((one) => one.replicas[nth]?.state === 'error').length
      return { ...replica, seen: { ...replica.seen, names: Math.max(0, replica.seen.names - again) } }
    }),
  }
}

/** What has changed since one earlier audit; undefined when the parts were compared with several. */
function toChanges(parts: Parts): AuditSummary['changes'] {
  const all = parts.flatMap(({ changes }) => changes ?? [])
  const [first] = all
  if (first === undefined || all.length < parts.length) return undefined
  if (all.some(({ since }) => since !== first.since)) return undefined
  return {
    ...first,
    new: all.reduce((n, one) => addCounts(n, one.new), 0),
    examples: all.flatMap(({ examples }) => examples).slice(0, MAX_NEW_EXAMPLES),
    settled: all.reduce((n, one) => addCounts(n, one.settled), 0),
  }
}

function joinMarks(parts: Parts): NonNullable<AuditSummary['marks']> {
  const joined = createMarks(1)
  for (const mark of parts.flatMap(({ marks = [] }) => marks)) joined.add(mark.name, mark)
  return [...joined.get()]
}
