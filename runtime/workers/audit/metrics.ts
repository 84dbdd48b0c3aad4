import type { Hono } from 'hono'
import { toDifferenceCounts } from '../../../functions/coordinator/ledger/difference-counts.ts'
import type { Ledger } from '../../../functions/coordinator/ledger/ledger.ts'
import { answerPlainText } from '../../../functions/http/answer.ts'
import { type AppEnv, addRoutes } from '../../../functions/http/app.ts'

/**
 * Serves `GET /metrics`, with the access rules of the server: what the ledger knows of the last audit of all
 * names, and of verifications, by the names that a coordinator on Node uses. What never was is left out.
 */
export function mountMetrics(app: Hono<AppEnv>, ledger: Ledger): void {
  const type = 'text/plain; version=0.0.4; charset=utf-8'
  const get = async () => answerPlainText(type, await readMetrics(ledger))
  addRoutes(app, { '/metrics': { get } })
}

async function readMetrics(ledger: Ledger): Promise<string> {
  const [[last], verification, verified] = await Promise.all([
    ledger.audits(1),
    ledger.verification(),
    ledger.lastVerified(),
  ])
  const gauges: string[] = []
  if (last?.summary != null && last.ended !== null) {
    const [began, ended] = [Date.parse(last.began), Date.parse(last.ended)]
    gauges.push(
      toGauge('vouch_last_audit_timestamp_seconds', 'When the last audit of all names ended.', ended / 1000),
      toGauge('vouch_last_audit_duration_seconds', 'How long it took.', (ended - began) / 1000),
      toGauge('vouch_last_audit_names', 'Names in it.', last.summary.names),
      '# HELP vouch_last_audit_differences Names that differed in it, by kind; rotten counts copies.\n',
      '# TYPE vouch_last_audit_differences gauge\n',
      ...toDifferenceCounts(last.summary).map(
        ([kind, count]) => `vouch_last_audit_differences{kind="${kind}"} ${count}\n`,
      ),
    )
  }
  const when = 'in seconds since 1970.'
  if (verified !== null)
    gauges.push(
      toGauge(
        'vouch_verification_timestamp_seconds',
        `When every byte had been read, ${when}`,
        verified / 1000,
      ),
    )
  if (verification !== null)
    gauges.push(
      toGauge(
        'vouch_verification_began_timestamp_seconds',
        `When the last verification began, ${when}`,
        verification.began / 1000,
      ),
    )
  return gauges.join('')
}

/** A metric in the text format of Prometheus. */
function toGauge(name: string, help: string, value: number): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${name} ${value}\n`
}
