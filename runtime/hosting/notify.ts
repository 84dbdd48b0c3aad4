import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import {
  isChanged,
  parseKey,
  toOutcomeBody,
  toOutcomeFields,
} from '../../functions/coordinator/ledger/outcome.ts'
import type { Send } from '../../functions/storage/remote/remote.ts'
import type { AuditSummary } from '../../functions/wire/schemas/audit.ts'
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
    const headers = await toOutcomeFields(body, id, key)
    const init = { method: 'POST', redirect: 'manual', duplex: 'half', headers, body, signal } as const
    const { status, body: answer } = await send(url, init)
    await answer?.cancel()
    if (status < 200 || status > 299) throw new Error(`it answered ${status}`)
  }

  return {
    async audited(summary) {
      if (!isChanged(summary)) return
      const [id, body] = [`msg_${randomUUID()}`, toOutcomeBody(summary)]
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

/** The key in the first line of a file, or in a variable; see `parseKey`. */
function readKey(source: SecretSource, io: Io): Uint8Array<ArrayBuffer> | null {
  if (source === undefined) return null
  const key = parseKey('text' in source ? source.text : readSecret(resolve(io.cwd, source.path)))
  if (key === null)
    throw new UserError(
      '--notify-secret-file: the first line must be the secret: a key, or base64 behind whsec_',
    )
  return key
}

function readSecret(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new UserError(`--notify-secret-file: '${path}' cannot be read (${getErrno(error)})`, 'io')
  }
}
