import { parseKey, toOutcomeBody, toOutcomeFields } from '../../../functions/coordinator/ledger/outcome.ts'
import type { AuditSummary } from '../../../functions/wire/schemas/audit.ts'
import { ConfigurationError } from '../configuration-error.ts'
import { NOTIFY_MS } from '../limits.ts'
import type { AuditEnv } from './configuration.ts'

/** The server that receives outcomes. */
export interface Receiver {
  readonly url: string
  readonly key: Uint8Array<ArrayBuffer> | null
}

/** The receiver that the secrets name; null without one. Throws ConfigurationError, which reveals neither. */
export function parseReceiver({ NOTIFY, NOTIFY_SECRET }: AuditEnv): Receiver | null {
  if (NOTIFY === undefined || NOTIFY === '') return null
  const url = typeof NOTIFY === 'string' ? URL.parse(NOTIFY) : null
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new ConfigurationError('the secret NOTIFY takes an address that begins with https:// or http://')
  if (NOTIFY_SECRET === undefined) return { url: url.href, key: null }
  const key = typeof NOTIFY_SECRET === 'string' ? parseKey(NOTIFY_SECRET) : null
  if (key === null)
    throw new ConfigurationError('the secret NOTIFY_SECRET takes one line: a key, or base64 behind whsec_')
  return { url: url.href, key }
}

/**
 * Posts the outcome of a run as the message `id`, by which the receiver knows it when it is sent again.
 * Rejects, with its origin alone, when the receiver does not take it.
 */
export async function notify({ url, key }: Receiver, id: string, summary: AuditSummary): Promise<void> {
  const body = toOutcomeBody(summary)
  const headers = await toOutcomeFields(body, id, key)
  const signal = AbortSignal.timeout(NOTIFY_MS)
  const response = await fetch(url, { method: 'POST', redirect: 'manual', headers, body, signal })
  await response.body?.cancel()
  if (!response.ok) throw new Error(`${new URL(url).origin} answered ${response.status}`)
}
