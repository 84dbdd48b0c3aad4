import { createHmac, randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { Send } from '../../functions/storage/remote/remote.ts'
import type { AuditSummary } from '../../functions/wire/schemas.ts'
import { getErrno, toReason } from '../node/files/errno.ts'
import type { Reread } from '../node/http/reread.ts'
import type { TlsFiles } from '../node/http/tls.ts'
import { UserError } from '../node/user-error.ts'
import { type KeyOptions, openKeys } from './access.ts'
import type { SecretSource } from './flag.ts'
import { type Io, say } from './io.ts'
import { NOTIFY_MS, NOTIFY_PAUSES_MS } from './limits.ts'

interface NotifyOptions extends KeyOptions {
  readonly notify: string | undefined
  readonly notifySecretFile: SecretSource
  /** The certificates that are presented and trusted; those of the options when absent. */
  readonly keys?: Reread<TlsFiles> | undefined
}

/** Sends outcomes to one address. */
export interface Notifier {
  /**
   * Sends the outcome of an audit if it differs from the one before. Never rejects: a failure is reported on
   * `stderr`.
   */
  audited(summary: AuditSummary): Promise<void>
}

/**
 * What is sent, in the form of Standard Webhooks (standardwebhooks.com): what happened, when, and the facts.
 */
interface Outcome extends Pick<AuditSummary, 'agreement' | 'names' | 'agreements' | 'rotten' | 'changes'> {
  readonly replicas: readonly Pick<AuditSummary['replicas'][number], 'id' | 'state' | 'error' | 'detail'>[]
}

/**
 * The notifier of these options; undefined without an address. Throws a UserError for a secret that cannot be
 * read.
 */
export function openNotifier(options: NotifyOptions, io: Io): Notifier | undefined {
  const { notify } = options
  if (notify === undefined) return undefined
  const key = readKey(options.notifySecretFile, io)
  const { keys = openKeys(options, io) } = options
  // The path may hold a secret.
  const { origin } = new URL(notify)
  let send: Send | undefined

  async function post(url: string, body: string, id: string): Promise<void> {
    send ??= (await import('../node/http/http-client.ts')).createSend({ tls: keys?.get })
    const signal = AbortSignal.any([AbortSignal.timeout(NOTIFY_MS), ...(io.signal ? [io.signal] : [])])
    const headers = { 'Content-Type': 'application/json', ...sign(body, id, key) }
    const init = { method: 'POST', redirect: 'manual', duplex: 'half', headers, body, signal } as const
    const { status, body: answer } = await send(url, init)
    await answer?.cancel()
    if (status < 200 || status > 299) throw new Error(`it answered ${status}`)
  }

  return {
    async audited(summary) {
      if (!isChanged(summary)) return
      const [id, body] = [`msg_${randomUUID()}`, toBody(summary)]
      for (const pause of [...NOTIFY_PAUSES_MS, null]) {
        try {
          return await post(notify, body, id)
        } catch (error) {
          if (io.signal?.aborted) return
          if (pause === null)
            return say(io, `warning: ${origin} did not take the outcome: ${toReason(error)}`)
          await wait(pause, io)
        }
      }
    },
  }
}

/** Waits, or less if the program is to end. */
async function wait(ms: number, { delay, signal }: Io): Promise<void> {
  await (delay?.(ms) ?? setTimeout(ms, undefined, { signal })).catch(() => {})
}

/** Whether an audit found otherwise than the one before, or as the first one that not all is the same. */
function isChanged({ agreement, rotten, changes }: AuditSummary): boolean {
  if (changes === undefined) return agreement !== 'unanimous'
  return agreement !== changes.was || changes.new > 0 || changes.settled > 0 || rotten > 0
}

function toBody({ agreement, names, agreements, rotten, changes, replicas }: AuditSummary): string {
  const states = replicas.map(({ id, state, error, detail }) => ({ id, state, error, detail }))
  const data: Outcome = { agreement, names, agreements, rotten, changes, replicas: states }
  return JSON.stringify({ type: 'vouch.outcome', timestamp: new Date().toISOString(), data })
}

/** The fields of Standard Webhooks; the signature is left out without a key. */
function sign(body: string, id: string, key: Buffer | null): Record<string, string> {
  const seconds = String(Math.floor(Date.now() / 1000))
  const fields = { 'webhook-id': id, 'webhook-timestamp': seconds }
  if (key === null) return fields
  const signature = createHmac('sha256', key).update(`${id}.${seconds}.${body}`).digest('base64')
  return { ...fields, 'webhook-signature': `v1,${signature}` }
}

/** The key in the first line of a file, or in a variable: in base64 behind `whsec_`, or as it stands. */
function readKey(source: SecretSource, io: Io): Buffer | null {
  if (source === undefined) return null
  const text = 'text' in source ? source.text : readSecret(resolve(io.cwd, source.path))
  const [line = ''] = text.trim().split('\n')
  if (line === '') throw new UserError('--notify-secret-file: the first line is empty; it must be the secret')
  return line.startsWith('whsec_') ? Buffer.from(line.slice('whsec_'.length), 'base64') : Buffer.from(line)
}

function readSecret(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new UserError(`--notify-secret-file: '${path}' cannot be read (${getErrno(error)})`, 'io')
  }
}
