import { toSeenTexts } from '../../functions/wire/evidence-words.ts'
import { toCounted, toGrouped } from '../../functions/wire/grouped.ts'
import { countFiles, mayBeFile, toPassedText } from '../../functions/wire/passed.ts'
import { printable } from '../../functions/wire/printable.ts'
import {
  type AuditLine,
  type AuditSummary,
  auditLine,
  type Manifest,
  type ReplicaReport,
} from '../../functions/wire/schemas.ts'
import type { Flags } from '../node/configuration.ts'
import { Refusal } from '../node/refusal.ts'
import { Broken, readProblem, toLine } from './ask.ts'
import { createAuditMeter } from './audit-meter.ts'
import { type Colour, createPaint, type Paint } from './colour.ts'
import type { Command } from './command.ts'
import { toFailureText } from './failure-words.ts'
import { type Io, say as sayLine, toJsonLine, writeOut } from './io.ts'
import { MAX_REASONS } from './limits.ts'
import { readLines } from './lines.ts'
import { toMaxAgeQuery } from './max-age.ts'
import { openSource, requireCompared } from './source.ts'
import { createTwins } from './twins.ts'

/** `vouch check`: whole trees. */
export const check: Command = {
  async run(flags, [prefix = ''], io) {
    const { ask, close } = await openSource(flags, io, { isWhole: true, isComparing: true })
    try {
      const response = await ask(`/audit?${toQuery(flags, prefix)}`)
      if (response.status !== 200) throw new Refusal(toLine(await readProblem(response)))
      return await report(response, prefix, flags, io)
    } finally {
      await close()
    }
  },
}

function toQuery(flags: Flags, prefix: string): URLSearchParams {
  const query = new URLSearchParams({ ...(prefix !== '' && { prefix }), ...toMaxAgeQuery(flags) })
  if (flags['all']) query.set('all', 'true')
  for (const [flag, glob] of toFilters(flags)) query.append(flag, glob)
  return query
}

/** Prints what an audit tells as it comes; the exit status. */
async function report(response: Response, prefix: string, flags: Flags, io: Io): Promise<number> {
  const meter = createAuditMeter(io.stderr)
  const paint = createPaint(io.stdout, io.env)
  const twins = createTwins()
  let summary: AuditSummary | undefined
  let [differing, unreadable] = [0, 0]
  const reasons = createReasons(io)

  function toText(line: AuditLine): string {
    if ('progress' in line) {
      meter.update(line.progress.replicas)
      return ''
    }
    if ('summary' in line) {
      summary = line.summary
      return flags['json'] ? toJsonLine(line) : ''
    }
    const mark = toMark(line)
    if (flags['one-way'] && line.replicas[0]?.state === 'missing') return ''
    if (mark === '!' || line.replicas.some(isTrouble)) unreadable++
    else if (mark !== '=') differing++
    return flags['json'] ? toJsonLine(line) : toRow(mark, line, paint)
  }

  function sayMore(manifest: Manifest): void {
    sayRot(io, manifest)
    reasons.say(manifest)
    const twin = twins.note(manifest)
    if (twin !== null) sayLine(io, twin)
  }

  try {
    for await (const lines of readLines(response, auditLine)) {
      const text = lines.map(toText).join('')
      if (text !== '') meter.clear()
      for (const line of lines) if ('name' in line) sayMore(line)
      if (text !== '') await writeOut(io, text)
    }
  } finally {
    meter.clear()
  }
  if (summary === undefined) throw new Broken('the audit broke off before its end; run it again')
  reasons.end()
  requireCompared(summary.replicas, flags)
  const more = twins.sum()
  if (more !== null) sayLine(io, more)
  saySummary(io, summary)
  requireNames(summary, prefix, flags)
  // What the others have beside the first is not asked about with --one-way.
  const asked = flags['one-way'] ? summary.replicas.slice(0, 1) : summary.replicas
  const isTold = summary.replicas.every(({ state }) => state === 'ok') && asked.every(isCompared)
  return !isTold || unreadable > 0 ? 2 : differing > 0 ? 1 : 0
}

/** Whether a replica says that it has no file but those that were compared. */
export function isCompared({ passed }: AuditSummary['replicas'][number]): boolean {
  return passed !== undefined && countFiles(passed) === 0
}

/** Throws a Refusal when no name passes the prefix and the globs, which the caller did not mean. */
export function requireNames({ names }: AuditSummary, prefix: string, flags: Flags): void {
  const globs = toFilters(flags).map(([flag, glob]) => `--${flag} '${glob}'`)
  if (names > 0 || (prefix === '' && globs.length === 0)) return
  const rule = "names begin below each root, with no '/' or './' before them"
  if (globs.length === 0)
    throw new Refusal(`no replica that answered has a name that begins with '${prefix}'; ${rule}`)
  const filter = [...(prefix === '' ? [] : [`the prefix '${prefix}'`]), ...globs].join(', ')
  throw new Refusal(
    `nothing was compared: no replica that answered has a name that passes ${filter}; ${rule}`,
  )
}

/** Each glob beside its flag. */
function toFilters(flags: Flags): [flag: string, glob: string][] {
  return ['match', 'exclude'].flatMap((flag) => {
    const globs = flags[flag]
    return Array.isArray(globs) ? globs.map((glob): [string, string] => [flag, String(glob)]) : []
  })
}

function isTrouble({ state }: ReplicaReport): boolean {
  return state === 'error' || state === 'corrupt'
}

/** As `rclone check --combined` marks it, the first replica being its source. */
function toMark({ agreement, replicas }: Manifest): string {
  if (replicas.some(({ rottedFrom }) => rottedFrom !== undefined)) return '*'
  if (agreement === 'unanimous') return '='
  if (agreement === 'conflict') return '*'
  if (agreement !== 'incomplete') return '!'
  return replicas[0]?.state === 'missing' ? '-' : '+'
}

const OF_MARK: Readonly<Record<string, Colour>> = { '=': 'green', '+': 'yellow', '-': 'yellow' }

function toRow(sign: string, manifest: Manifest, paint: Paint): string {
  const { name, versions, replicas } = manifest
  const mark = paint(sign, OF_MARK[sign] ?? 'red')
  if (replicas.length <= 2 || sign === '=') return `${mark} ${printable(name)}\n`
  const holders = versions.map((version) => version.replicas.join(' = ')).join(' ≠ ')
  const others = replicas.flatMap(({ id, state, detail, error }) =>
    state === 'missing'
      ? `${id} lacks it`
      : state === 'error' || state === 'corrupt'
        ? `${id}: ${detail ?? error}`
        : [],
  )
  return `${mark} ${printable(name)}  ${printable([holders, ...others].join('; '))}\n`
}

/** Says why names could not be compared, where the line of a name has no room for it: some of them, and how many more. */
function createReasons(io: Io) {
  let count = 0

  function say(manifest: Manifest): void {
    const { name, replicas } = manifest
    if (replicas.length > 2) return
    for (const report of replicas)
      if (isTrouble(report)) sayOne(`${name}: ${report.id} ${toFailureText(report)}`)
  }

  function sayOne(text: string): void {
    if (++count <= MAX_REASONS) sayLine(io, `warning: ${text}`)
  }

  function end(): void {
    const more = count - MAX_REASONS
    if (more > 0) sayLine(io, `warning: ${toGrouped(more)} more; --json gives the reason for each`)
  }

  return { say, end }
}

function sayRot(io: Io, { name, replicas }: Manifest): void {
  for (const { id, rottedFrom } of replicas) {
    if (rottedFrom === undefined) continue
    sayLine(io, `warning: ${id}: ${name} changed with no change of its size and times: it was ${rottedFrom}`)
  }
}

function saySummary(io: Io, { names, agreements, replicas }: AuditSummary): void {
  const { unanimous = 0, conflict = 0, incomplete = 0, degraded = 0, unknown = 0 } = agreements
  const counts = [
    [unanimous, replicas.length === 1 ? 'on one replica, compared with nothing' : 'alike everywhere'],
    [conflict, 'differ'],
    [incomplete, 'lacking somewhere'],
    [degraded + unknown, 'not compared everywhere'],
  ] as const
  const parts = counts.filter(([count], i) => count > 0 || i === 0)
  const list = parts.map(([count, what]) => `${toGrouped(count)} ${what}`).join(', ')
  sayLine(io, `${toCounted(names, 'name', 'names')}: ${list}`)
  for (const { id, error, detail } of replicas) {
    if (error !== undefined) sayLine(io, `warning: ${id} was left out: ${detail ?? error}`)
  }
  sayPassed(io, replicas)
  if (names > 0) sayLine(io, `evidence: ${toSeenTexts(replicas.filter(isSeen)).join('; ')}`)
}

/** Of a replica that failed before it showed a file there is nothing to say. */
function isSeen({ state, seen }: AuditSummary['replicas'][number]): boolean {
  return state === 'ok' || seen.names > 0
}

/** Says what each replica has that is not compared. */
export function sayPassed(io: Io, replicas: AuditSummary['replicas']): void {
  for (const { id, state, passed } of replicas) {
    for (const one of passed ?? []) {
      sayLine(io, `${mayBeFile(one.kind) ? 'warning: ' : ''}${id}: ${toPassedText(one, toGrouped)}`)
    }
    if (passed === undefined && state === 'ok') sayLine(io, `warning: ${id} ${UNCOUNTED}`)
  }
}

const UNCOUNTED = 'does not say which of its files it skips: its server is older than this command'
