import { HEARTBEAT_MS } from '../wire/limits.ts'
import type { WriteText } from './line-writer.ts'

// Signs of life, which a server sends during long work, so that its client does not take it for dead.

/** Calls `beat` every `HEARTBEAT_MS` until `work` settles or `signal` aborts. Settles as `work` does. */
export async function withHeartbeat<T>(
  beat: () => void,
  work: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const timer = setInterval(beat, HEARTBEAT_MS)
  const stop = () => clearInterval(timer)
  signal?.addEventListener('abort', stop, { once: true })
  try {
    return await work()
  } finally {
    stop()
    signal?.removeEventListener('abort', stop)
  }
}

/** Runs `beat` for a call `ms` or more after the last that ran, or after now; ignores other calls. */
export function atMostEvery(ms: number, beat: () => void): () => void {
  let last = performance.now()
  return () => {
    if (performance.now() - last < ms) return
    last = performance.now()
    beat()
  }
}

/** Writes a blank line, which JSON and HTML ignore, for each line of progress; passes other lines on. */
export function withBlankLines<L extends object>(
  write: WriteText,
  onLine: (line: Exclude<L, { progress: unknown }>) => Promise<void>,
): (line: L) => Promise<void> {
  const isProgress = (line: L): line is Extract<L, { progress: unknown }> => 'progress' in line
  return (line) => (isProgress(line) ? write('\n') : onLine(line as Exclude<L, { progress: unknown }>)) // the rest
}
