import type { Reply } from '../../../functions/storage/remote/replies.ts'
import type { AuditSummary } from '../../../functions/wire/schemas.ts'
import { type Io, toJsonLine, writeOut } from '../../hosting/io.ts'
import { type Notifier, openNotifier } from '../../hosting/notify.ts'
import { UserError } from '../../node/user-error.ts'
import { createReport } from '../check/report.ts'
import { isCompared, requireNames, sayExcluded } from '../check/summary.ts'
import { readAudit, toAuditQuery } from '../client/audit.ts'
import { readProblem, toLine } from '../client/coordinator-client.ts'
import { requireCompared, withSource } from '../client/source.ts'
import { CHECK } from '../options/clients.ts'
import type { Command } from '../options/command.ts'
import { type Options, readOptions } from '../options/declaration.ts'

type CheckOptions = Options<typeof CHECK>
type PrintOptions = Omit<
  CheckOptions,
  'maxAge' | 'deep' | 'prove' | 'confidence' | 'seed' | 'notify' | 'notifySecretFile'
> & {
  /** Globs that the settings of this user exclude. */
  readonly excluded: readonly string[]
}
type Report = ReturnType<typeof createReport>

export const check: Command = {
  async run(given, io) {
    const options = readOptions(CHECK, given)
    const { operand: prefix = '' } = given
    const notifier = openNotifier(options, io)
    const asked = { ...options, excluded: given.excluded }
    return await withSource(asked, io, { reads: 'trees', isComparing: true }, async ({ ask, excluded }) => {
      const response = await ask(`/audit?${toAuditQuery(options, prefix, excluded)}`)
      if (response.status !== 200) throw new UserError(toLine(await readProblem(response)))
      return await printAudit(response, prefix, { ...options, excluded }, io, notifier)
    })
  },
}

/** Prints what an audit reports, and sends it to the notifier; resolves with the exit status. */
export async function printAudit(
  response: Reply,
  prefix: string,
  options: PrintOptions,
  io: Io,
  notifier: Notifier | undefined,
): Promise<number> {
  const report = createReport(options, io)
  const summary = await print(response, report, options, io)
  requireCompared(summary.replicas, options)
  report.saySummary(summary)
  sayExcluded(io, summary, options.excluded)
  await notifier?.audited(summary)
  requireNames(summary, prefix, options)
  return toStatus(summary, report, options)
}

/** Prints the lines of an audit as they arrive; resolves with the summary. */
async function print(response: Reply, report: Report, { json }: PrintOptions, io: Io): Promise<AuditSummary> {
  const began = new Date().toISOString()
  let summary: AuditSummary
  try {
    summary = await readAudit(response, io, async (manifests) => {
      const text = manifests.map((manifest) => report.add(manifest)).join('')
      if (text !== '') await writeOut(io, text)
    })
  } catch (error) {
    // Also for a user who interrupts a long run, which does not wait until a reader takes it.
    io.stdout.write(report.breakOff())
    throw error
  }
  await writeOut(io, report.end() + (json ? toJsonLine({ summary: { began, ...summary } }) : ''))
  return summary
}

function toStatus({ replicas }: AuditSummary, report: Report, { oneWay }: PrintOptions): number {
  const { differing, unreadable } = report.counts()
  // With --one-way, files that only the others have do not matter.
  const asked = oneWay ? replicas.slice(0, 1) : replicas
  const isComplete = replicas.every(({ state }) => state === 'ok') && asked.every(isCompared)
  return !isComplete || unreadable > 0 ? 2 : differing > 0 ? 1 : 0
}
