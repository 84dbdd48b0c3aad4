import type { Readable, Writable } from 'node:stream'
import { escapeControls } from '../../functions/wire/text.ts'
import type { MetricsOfWorkers } from '../node/observe/worker-metrics.ts'
import { UserError } from '../node/user-error.ts'
import { createPaint } from './colour.ts'

/** A stream that people may read; `isTTY` and `columns` are set for a terminal. */
export type TextStream = Writable & {
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
}

/** A worker's link to the main process and, through it, to the other workers. */
export interface WorkerLink extends MetricsOfWorkers {
  /** From 0. The worker that replaces another takes its number. */
  readonly index: number
  readonly pid: number
  /** Aborts when the main process ends the worker. */
  readonly signal: AbortSignal
  /** Resolves when all workers listen. */
  readonly ready: Promise<void>
  /** Calls `listener` at each SIGHUP of the main process. */
  onHangup(listener: () => void): void
  /** Reports that this worker listens at `url`; `line` is the sentence for people. */
  listening(line: string, url: string): void
}

/** The parts of the process that a command uses. */
export interface Io {
  readonly stdin: Readable
  /** Data only. */
  readonly stdout: TextStream
  readonly stderr: TextStream
  /** The directory that relative paths start at, absolute. */
  readonly cwd: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** Aborts to end the command: a server finishes the responses under way, other commands stop. */
  readonly signal?: AbortSignal | undefined
  /** Whether nothing else runs in this process, so that what is global in it may be replaced. */
  readonly isOwnProcess?: boolean | undefined
  /** The log of a server, which gets messages to people; absent in other commands. */
  readonly log?: { notice(line: string): void } | undefined
  /** The link to the main process and the other workers, in a worker of a server with `--workers`. */
  readonly worker?: WorkerLink | undefined
  /** Calls `listener` at each SIGHUP from now on, which then does not end the process. */
  readonly onHangup?: ((listener: () => void) => void) | undefined
  /** Calls `listener` with an uncaught error before the process ends. */
  readonly onUncaught?: ((listener: (error: unknown) => void) => void) | undefined
  /** Waits that many milliseconds, or rejects when `signal` aborts; timers of the host when absent. */
  readonly delay?: ((ms: number) => Promise<void>) | undefined
}

/**
 * Whether this process does what one process of a server has to do: it is the only one, or the first worker.
 */
export function isFirst({ worker }: Pick<Io, 'worker'>): boolean {
  return worker === undefined || worker.index === 0
}

/** The reason of an aborted `Io.signal` after a signal of the system. */
export class Interruption extends Error {
  override readonly name = 'Interruption'
  readonly signal: 'SIGINT' | 'SIGTERM'

  constructor(signal: 'SIGINT' | 'SIGTERM') {
    super(`ended by ${signal}`)
    this.signal = signal
  }
}

/** `value` as a line of JSON without characters that a terminal acts on; its meaning is unchanged. */
export function toJsonLine(value: unknown): string {
  return `${toHarmlessJson(JSON.stringify(value))}\n`
}

/** JSON in which every character that a terminal might act on is escaped. */
export function toHarmlessJson(json: string): string {
  return json.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (c) =>
    [...Array(c.length).keys()].map((i) => `\\u${c.charCodeAt(i).toString(16).padStart(4, '0')}`).join(''),
  )
}

/** Prints one line for people; a server logs it. */
export function say({ stderr, env, log }: Pick<Io, 'stderr' | 'env' | 'log'>, line: string): void {
  if (log !== undefined) {
    log.notice(line)
    return
  }
  const paint = createPaint(stderr, env)
  const text = escapeControls(line).replace(/^(warning|error|vouch):/, (head) =>
    paint(head, head === 'warning:' ? 'yellow' : 'red'),
  )
  stderr.write(`${text}\n`)
}

/**
 * Writes data; resolves when the stream has taken it. Rejects with the stream's `EPIPE` when its reader went
 * away, with the signal's reason when that aborts first, and with a UserError for any other failure.
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
  return new UserError(`cannot write to standard output: ${error.message}`, 'io')
}
