import type { Readable, Writable } from 'node:stream'
import { printable } from '../../functions/wire/printable.ts'
import { Refusal } from '../node/refusal.ts'
import { createPaint } from './colour.ts'
import type { ServerLog } from './server-log.ts'

/** Where something goes that people may read; on a terminal also progress. */
export type Talk = Writable & { readonly isTTY?: boolean | undefined; readonly columns?: number | undefined }

/** What a command needs of the process that it runs in. */
export interface Io {
  readonly stdin: Readable
  /** Data only. */
  readonly stdout: Talk
  readonly stderr: Talk
  /** The directory that relative paths start at, absolute. */
  readonly cwd: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** Aborted when the command is to end: a server finishes what is under way, anything else stops. */
  readonly signal?: AbortSignal | undefined
  /** The log of a server, which what is said to people goes to; absent in any other command. */
  readonly log?: Pick<ServerLog, 'notice'> | undefined
  /** Has `listener` called at each SIGHUP from now on, in the place of the end of the process; nothing when absent. */
  readonly onHangup?: ((listener: () => void) => void) | undefined
  /** Has `listener` called with what nothing caught, before the process ends; nothing when absent. */
  readonly onUncaught?: ((listener: (error: unknown) => void) => void) | undefined
  /** Waits so many milliseconds, or rejects when the command is to end; timers of the host when absent. */
  readonly delay?: ((ms: number) => Promise<void>) | undefined
}

/** Why `Io.signal` aborted, where that is a signal of the system. */
export class Interruption extends Error {
  override readonly name = 'Interruption'
  readonly signal: 'SIGINT' | 'SIGTERM'

  constructor(signal: 'SIGINT' | 'SIGTERM') {
    super(`ended by ${signal}`)
    this.signal = signal
  }
}

/** `value` as a line of JSON that does nothing to a terminal either, and means the same to a program. */
export function toJsonLine(value: unknown): string {
  return `${toHarmlessJson(JSON.stringify(value))}\n`
}

/** JSON whose strings hold no character that a terminal might act on, but escapes. */
export function toHarmlessJson(json: string): string {
  return json.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (c) =>
    [...Array(c.length).keys()].map((i) => `\\u${c.charCodeAt(i).toString(16).padStart(4, '0')}`).join(''),
  )
}

/** Says one line to people. A server says it in its log. */
export function say({ stderr, env, log }: Pick<Io, 'stderr' | 'env' | 'log'>, line: string): void {
  if (log !== undefined) {
    log.notice(line)
    return
  }
  const paint = createPaint(stderr, env)
  const text = printable(line).replace(/^(warning|error|vouch):/, (head) =>
    paint(head, head === 'warning:' ? 'yellow' : 'red'),
  )
  stderr.write(`${text}\n`)
}

/**
 * Writes data; resolves when it has been taken. Rejects with the stream's own `EPIPE` when its reader went away, with
 * the signal's reason when the command is to end before that, and with a Refusal when it cannot be written at all.
 */
export async function writeOut(
  { stdout, signal }: Pick<Io, 'stdout' | 'signal'>,
  data: string | Uint8Array,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const stop = () => reject(signal?.reason)
  signal?.throwIfAborted()
  signal?.addEventListener('abort', stop, { once: true })
  stdout.write(data, (error) => (error ? reject(toOutputError(error)) : resolve()))
  try {
    await promise
  } finally {
    signal?.removeEventListener('abort', stop)
  }
}

function toOutputError(error: Error): Error {
  if ('code' in error && error.code === 'EPIPE') return error
  return new Refusal(`cannot write to standard output: ${error.message}`)
}
