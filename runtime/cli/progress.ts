import type { Talk } from './io.ts'

/** How far a download has come, shown to people. */
export interface Progress {
  /** `done` bytes are here. */
  update(done: number): void
  /** Takes the bar away. */
  clear(): void
}

/** What takes no longer than this needs no bar. */
const PATIENCE_MS = 1000
const REDRAW_MS = 100
const BAR_WIDTH = 20

/**
 * A bar on `talk` for a download of `total` bytes, of which `start` are here already: drawn only on a terminal, and
 * only once it has taken longer than a second. `now` counts milliseconds.
 */
export function createProgress(
  talk: Talk,
  { total, start, now = () => performance.now() }: { total: number; start: number; now?: () => number },
): Progress {
  const began = now()
  let drawn = Number.NEGATIVE_INFINITY

  function update(done: number): void {
    const time = now()
    if (!talk.isTTY || time - began <= PATIENCE_MS || time - drawn < REDRAW_MS) return
    drawn = time
    const rate = ((done - start) * 1000) / (time - began)
    // A line as wide as the terminal would wrap, and a wrapped line is not overwritten.
    talk.write(`\r${toLine(done, total, rate).slice(0, (talk.columns ?? 80) - 1)}\x1b[K`)
  }

  function clear(): void {
    if (drawn > Number.NEGATIVE_INFINITY) talk.write('\r\x1b[K')
  }
  return { update, clear }
}

function toLine(done: number, total: number, rate: number): string {
  const part = total === 0 ? 1 : Math.min(done / total, 1)
  const filled = Math.floor(part * BAR_WIDTH)
  const bar = '#'.repeat(filled).padEnd(BAR_WIDTH, '.')
  const percent = `${Math.floor(part * 100)}%`.padStart(4)
  return `[${bar}] ${percent}  ${toSize(done)} of ${toSize(total)}  ${toSize(rate)}/s  ${toLeft(total - done, rate)}`
}

function toLeft(bytes: number, rate: number): string {
  if (rate <= 0) return 'stalled'
  const seconds = Math.ceil(bytes / rate)
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60]
  const clock = [minutes, seconds % 60].map((n) => String(n).padStart(2, '0')).join(':')
  return `${hours > 0 ? `${hours}:` : ''}${clock} left`
}

/** Bytes for people: `512 B`, `1.5 MiB`. */
export function toSize(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  const power = Math.min(Math.floor(Math.log2(Math.max(bytes, 1)) / 10), units.length - 1)
  return `${(bytes / 1024 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`
}
