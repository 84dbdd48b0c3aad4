import type { Reply } from '../../../functions/storage/remote/replies.ts'
import { type AuditSummary, auditLine } from '../../../functions/wire/schemas.ts'
import { type Io, toJsonLine, writeOut } from '../../hosting/io.ts'
import { type Notifier, openNotifier } from '../../hosting/notify.ts'
import { UserError } from '../../node/user-error.ts'
import { createReport } from '../check/report.ts'
import { isCompared, requireNames, sayExcluded, toFilters } from '../check/summary.ts'
import { Broken, readProblem, toLine } from '../client/coordinator-client.ts'
import { readNdjson } from '../client/ndjson.ts'
import { requireCompared, toMaxAgeQuery, withSource } from '../client/source.ts'
import { CHECK } from '../options/clients.ts'
import type { Command } from '../options/command.ts'
import { type Options, readOptions } from '../options/declaration.ts'
import { createAuditMeter } from '../terminal/progress.ts'

type CheckOptions = Options<typeof CHECK>
type PrintOptions = Omit<CheckOptions, 'maxAge' | 'deep' | 'notify' | 'notifySecretFile'> & {
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
      const response = await ask(`/audit?${toQuery(options, prefix, excluded)}`)
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

function toQuery(options: CheckOptions, prefix: string, excluded: readonly string[]): URLSearchParams {
  const query = new URLSearchParams({ ...(prefix !== '' && { prefix }), ...toMaxAgeQuery(options) })
  if (options.all) query.set('all', 'true')
  for (const [flag, glob] of toFilters(options)) query.append(flag, glob)
  for (const glob of excluded) query.append('exclude', glob)
  return query
}

/** Prints the lines of an audit as they arrive; resolves with the summary. */
async function print(response: Reply, report: Report, { json }: PrintOptions, io: Io): Promise<AuditSummary> {
  const meter = createAuditMeter(io.stderr)
  let summary: AuditSummary | undefined
  try {
    for await (const lines of readNdjson(response, auditLine)) {
      let text = ''
      for (const line of lines) {
        if ('progress' in line) meter.update(line.progress.replicas)
        else meter.clear()
        if ('name' in line) text += report.add(line)
        if ('summary' in line) summary = line.summary
      }
      if (text !== '') await writeOut(io, text)
    }
    if (summary === undefined) throw new Broken('the audit broke off before its end; run it again')
  } catch (error) {
    // Also for a user who interrupts a long run, which does not wait until a reader takes it.
    io.stdout.write(report.breakOff())
    throw error
  } finally {
    meter.clear()
  }
  await writeOut(io, report.end() + (json ? toJsonLine({ summary }) : ''))
  return summary
}

function toStatus({ replicas }: AuditSummary, report: Report, { oneWay }: PrintOptions): number {
  const { differing, unreadable } = report.counts()
  // With --one-way, files that only the others have do not matter.
  const asked = oneWay ? replicas.slice(0, 1) : replicas
  const isComplete = replicas.every(({ state }) => state === 'ok') && asked.every(isCompared)
  return !isComplete || unreadable > 0 ? 2 : differing > 0 ? 1 : 0
}
