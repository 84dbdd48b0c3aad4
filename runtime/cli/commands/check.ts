import type { Reply } from '../../../functions/storage/remote/replies.ts'
import type { AuditSummary, Manifest } from '../../../functions/wire/schemas.ts'
import { type Io, say, toJsonLine, writeOut } from '../../hosting/io.ts'
import { type Notifier, openNotifier } from '../../hosting/notify.ts'
import { UserError } from '../../node/user-error.ts'
import { createReport } from '../check/report.ts'
import { isCompared, requireNames, sayExcluded } from '../check/summary.ts'
import { readAudit, toAuditQuery } from '../client/audit.ts'
import { Broken, readProblem, toUserError } from '../client/coordinator-client.ts'
import { requireCompared, withSource } from '../client/source.ts'
import { CHECK } from '../options/clients.ts'
import type { Command } from '../options/command.ts'
import { type Options, readOptions } from '../options/declaration.ts'
import { checkInParts, toRanges } from '../parts/jobs.ts'
import { findEnds } from '../parts/split.ts'
import { printMerged } from './merge.ts'

type CheckOptions = Options<typeof CHECK>
interface PrintOptions
  extends Pick<CheckOptions, 'match' | 'exclude' | 'oneWay' | 'all' | 'noRollUp' | 'json' | 'single'> {
  /** Globs that the settings of this user exclude. */
  readonly excluded: readonly string[]
  /** Whether only a range of the names was compared. */
  readonly isRange?: boolean
  /** Whether the line of the summary is all that is printed to standard output. */
  readonly summary?: boolean
}
type Report = ReturnType<typeof createReport>

export const check: Command = {
  async run(given, io) {
    const options = readOptions(CHECK, given)
    const { operand: prefix = '' } = given
    requireOneSplit(options)
    requireShare(options, prefix)
    const { part, split, jobs, deep, maxAge } = options
    const asked = { ...options, excluded: given.excluded }
    return await withSource(asked, io, { reads: 'trees', isComparing: true }, async (source) => {
      const { ask, excluded } = source
      const splitting = { prefix, split, isDeep: deep || maxAge !== undefined }
      if (jobs > 1) {
        const ends = await findEnds(source, jobs, splitting, io)
        const notifier = openNotifier(options, io)
        const print = (paths: readonly string[]) => printMerged(paths, { ...options, excluded }, io, notifier)
        return await checkInParts(given, toRanges(ends), io, print)
      }
      const ends = part === undefined ? [] : await findEnds(source, part.of, splitting, io)
      const range = part === undefined ? options : toRanges(ends)[part.nth - 1]
      const { after, until } = range ?? {}
      const isRange = part !== undefined || after !== undefined || until !== undefined
      const response = await ask(`/audit?${toAuditQuery({ ...options, after, until }, prefix, excluded)}`)
      if (response.status !== 200) throw toUserError(await readProblem(response))
      const notifier = isRange ? undefined : openNotifier(options, io)
      return await printAudit(response, prefix, { ...options, excluded, isRange }, io, notifier, goOn)
    })
  },
}

/** What to do when a check broke off behind this name. */
function goOn(name: string): string {
  return `all names up to '${name}' were reported, and --after '${name}' goes on from there`
}

/** A share behind a blank would be the prefix, and all would be proved of almost no names. */
function requireShare({ prove }: CheckOptions, prefix: string): void {
  if (prove === 1 && /^\d+(\.\d+)?%$/.test(prefix))
    throw new UserError(
      `--prove takes its share behind '=', got '${prefix}' as PREFIX; write --prove=${prefix}`,
    )
}

function requireOneSplit({ after, until, part, split, jobs, prove, confidence }: CheckOptions): void {
  const isRange = after !== undefined || until !== undefined
  if ([isRange, part !== undefined, jobs > 1].filter(Boolean).length > 1)
    throw new UserError('--part, --jobs, and --after or --until exclude each other; leave out all but one')
  const isSplit = part !== undefined || jobs > 1
  if (isSplit && (prove !== undefined || confidence !== undefined))
    throw new UserError('--part and --jobs split a check without --prove or --confidence: leave one out')
  if (split !== undefined && !isSplit)
    throw new UserError('--split needs --part or --jobs, which split a check')
}

/**
 * Prints what an audit reports, and sends it to the notifier; resolves with the exit status. When the audit
 * breaks off, the error says what to do with the last name that was reported.
 */
export async function printAudit(
  response: Reply,
  prefix: string,
  options: PrintOptions,
  io: Io,
  notifier: Notifier | undefined,
  toAdvice?: (name: string) => string,
): Promise<number> {
  const began = new Date().toISOString()
  let last: string | undefined
  const note = (name: string) => {
    last = name
  }
  const read: ReadRun = async (onNames) => ({ began, ...(await readAudit(response, io, onNames, note)) })
  try {
    return await printRun(read, prefix, options, io, notifier)
  } catch (error) {
    if (!(error instanceof Broken) || last === undefined || toAdvice === undefined) throw error
    throw new Broken(`${error.message}; ${toAdvice(last)}`)
  }
}

/** Passes what was found to `onNames`; resolves with the summary. */
type ReadRun = (
  onNames: (manifests: readonly Manifest[]) => Promise<void>,
) => Promise<AuditSummary & { readonly began: string }>

/** The same for what `read` reads. */
export async function printRun(
  read: ReadRun,
  prefix: string,
  options: PrintOptions,
  io: Io,
  notifier: Notifier | undefined,
): Promise<number> {
  const report = createReport(options, io)
  const summary = await print(read, report, options, io)
  requireCompared(summary.replicas, options)
  if (!options.summary) say(io, report.toSummaryLine(summary))
  report.saySummary(summary)
  sayExcluded(io, summary, options.excluded)
  await notifier?.audited(summary)
  if (!options.isRange) requireNames(summary, prefix, options)
  return toStatus(summary, report, options)
}

/** Prints the lines of an audit as they arrive; resolves with the summary. */
async function print(read: ReadRun, report: Report, options: PrintOptions, io: Io): Promise<AuditSummary> {
  const { json, summary: isBrief = false } = options
  let summary: Awaited<ReturnType<ReadRun>>
  try {
    summary = await read(async (manifests) => {
      const text = manifests.map((manifest) => report.add(manifest)).join('')
      if (text !== '' && !isBrief) await writeOut(io, text)
    })
  } catch (error) {
    // Also for a user who interrupts a long run, which does not wait until a reader takes it.
    if (!isBrief) io.stdout.write(report.breakOff())
    throw error
  }
  const rest = report.end()
  const line = json ? toJsonLine({ summary }) : isBrief ? `${report.toSummaryLine(summary)}\n` : ''
  await writeOut(io, (isBrief ? '' : rest) + line)
  return summary
}

function toStatus({ replicas }: AuditSummary, report: Report, { oneWay }: PrintOptions): number {
  const { differing, unreadable } = report.counts()
  // With --one-way, files that only the others have do not matter.
  const asked = oneWay ? replicas.slice(0, 1) : replicas
  const isComplete = replicas.every(({ state }) => state === 'ok') && asked.every(isCompared)
  return !isComplete || unreadable > 0 ? 2 : differing > 0 ? 1 : 0
}
