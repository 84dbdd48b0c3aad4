import type { Reply } from '../../../functions/storage/remote/replies.ts'
import type { AuditSummary } from '../../../functions/wire/schemas/audit.ts'
import type { Manifest } from '../../../functions/wire/schemas/manifest.ts'
import { type Io, say, toJsonLine, writeOut } from '../../hosting/io.ts'
import type { Notifier } from '../../hosting/notify.ts'
import { readAudit } from '../client/audit.ts'
import { Broken } from '../client/coordinator-client.ts'
import { requireCompared } from '../client/source.ts'
import type { CHECK } from '../options/check.ts'
import type { Options } from '../options/declaration.ts'
import { createReport } from './report.ts'
import { isCompared, requireNames, sayExcluded } from './summary.ts'

interface PrintOptions
  extends Pick<
    Options<typeof CHECK>,
    'match' | 'exclude' | 'oneWay' | 'all' | 'noRollUp' | 'json' | 'single'
  > {
  /** Globs that the settings of this user exclude. */
  readonly excluded: readonly string[]
  /** Whether only a range of the names was compared. */
  readonly isRange?: boolean
  /** Whether the line of the summary is all that is printed to standard output. */
  readonly summary?: boolean
}
type Report = ReturnType<typeof createReport>

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
