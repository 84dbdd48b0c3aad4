import { toBase64 } from '../../bytes/base64.ts'
import { attempt } from '../../wire/attempt.ts'
import type { AuditSummary } from '../../wire/schemas/audit.ts'

/**
 * What is sent, in the form of Standard Webhooks (standardwebhooks.com): what happened, when, and the facts.
 */
interface Outcome extends Pick<AuditSummary, 'agreement' | 'names' | 'agreements' | 'rotten' | 'changes'> {
  readonly replicas: readonly Pick<AuditSummary['replicas'][number], 'id' | 'state' | 'error' | 'detail'>[]
}

/** Whether an audit found otherwise than the one before, or as the first one that not all is the same. */
export function isChanged({ agreement, rotten, changes }: AuditSummary): boolean {
  if (changes === undefined) return agreement !== 'unanimous'
  return agreement !== changes.was || changes.new > 0 || changes.settled > 0 || rotten > 0
}

/** The body of a message that tells of the outcome of an audit. */
export function toOutcomeBody({
  agreement,
  names,
  agreements,
  rotten,
  changes,
  replicas,
}: AuditSummary): string {
  const states = replicas.map(({ id, state, error, detail }) => ({ id, state, error, detail }))
  const data: Outcome = { agreement, names, agreements, rotten, changes, replicas: states }
  return JSON.stringify({ type: 'vouch.outcome', timestamp: new Date().toISOString(), data })
}

/**
 * A key in the first line of a text: in base64 behind `whsec_`, or as it stands; null when it is empty, or is
 * not base64.
 */
export function parseKey(text: string): Uint8Array<ArrayBuffer> | null {
  const [line = ''] = text.trim().split('\n')
  if (line === '') return null
  if (!line.startsWith('whsec_')) return new TextEncoder().encode(line)
  const letters = attempt(() => atob(line.slice('whsec_'.length)))
  return letters === null ? null : Uint8Array.from(letters, (letter) => letter.charCodeAt(0))
}

/** The fields of the message `id`, by Standard Webhooks; the signature is left out without a key. */
export async function toOutcomeFields(
  body: string,
  id: string,
  key: Uint8Array<ArrayBuffer> | null,
): Promise<Record<string, string>> {
  const seconds = String(Math.floor(Date.now() / 1000))
  const fields = {
    'Content-Type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': seconds,
  }
  if (key === null) return fields
  const algorithm = { name: 'HMAC', hash: 'SHA-256' }
  const imported = await crypto.subtle.importKey('raw', key, algorithm, false, ['sign'])
  const text = new TextEncoder().encode(`${id}.${seconds}.${body}`)
  const signature = new Uint8Array(await crypto.subtle.sign('HMAC', imported, text))
  return { ...fields, 'webhook-signature': `v1,${toBase64(signature)}` }
}
