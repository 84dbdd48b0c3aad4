import { html } from 'hono/html'
import type { AuditSummary } from '../../wire/schemas/audit.ts'
import type { Run } from '../../wire/schemas/ledger.ts'
import { escapeControls } from '../../wire/text.ts'
import { toAgeText } from '../../wire/words/evidence.ts'
import type { CoordinatorContext } from '../context.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Html } from './layout.ts'
import { renderTime } from './parts.ts'

// What pages show of the ledger.

/** An audit of every name that has ended. */
export type EndedRun = Run & { readonly ended: string; readonly summary: AuditSummary }

/**
 * What `read` returns of the ledger; null without a ledger, `failed` when it cannot be read, which is
 * reported.
 */
export async function readKnown<T>(
  { ledger, onLedgerFailed }: Pick<CoordinatorContext, 'ledger' | 'onLedgerFailed'>,
  read: (ledger: Ledger) => Promise<T>,
): Promise<T | null | 'failed'> {
  if (ledger === undefined) return null
  try {
    return await read(ledger)
  } catch (error) {
    onLedgerFailed?.(error)
    return 'failed'
  }
}

/** The last audits that have compared every name, the latest first. */
export async function readRuns(ledger: Ledger, limit: number): Promise<EndedRun[]> {
  const runs = await ledger.audits(limit)
  return runs.flatMap((run) =>
    run.ended === null || run.summary === null ? [] : { ...run, ended: run.ended, summary: run.summary },
  )
}

/** Comes where something of the ledger would be. */
export const LEDGER_FAILED = html`<p class="warning">What the checks before have found cannot be read now; the log of this coordinator has the reason.</p>\n`

/** `3 hours ago (2026-11-28 01:00:07 UTC)`, of a time of RFC 3339. */
export function renderAgo(time: string): Html {
  const seconds = Math.max(0, Math.floor((Date.now() - Date.parse(time)) / 1000))
  return html`${toAgeText(seconds)} ago (${renderTime(time)})`
}

/** A warning for each replica that an audit has left out. */
export function renderLeftOut(replicas: AuditSummary['replicas'], rest: string): Html {
  const silent = replicas.filter(({ state }) => state === 'error')
  return html`${silent.map(({ id, detail }) => html`<p class="warning">${id} was left out${rest}: ${escapeControls(detail ?? '')}. Its files are not known.</p>\n`)}`
}
