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
  const meter = createMeter(talk, now)
  return {
    update(done) {
      meter.draw((ms) => {
        const rate = ((done - start) * 1000) / ms
        return `${toBar(done, total)}  ${toSize(done)} of ${toSize(total)}  ${toSize(rate)}/s  ${toLeft(total - done, rate)}`
      })
    },
    clear: meter.clear,
  }
}

/** One line on a terminal that is drawn over again and again. */
export interface Meter {
  /** Draws what `toLine` makes of the milliseconds since the start; not too often, and not before it has taken a while. */
  draw(toLine: (ms: number) => string): void
  /** Takes the line away. */
  clear(): void
}

/** `now` counts milliseconds. */
export function createMeter(talk: Talk, now: () => number = () => performance.now()): Meter {
  const began = now()
  let drawn = Number.NEGATIVE_INFINITY
  return {
    draw(toLine) {
      const time = now()
      if (!talk.isTTY || time - began <= PATIENCE_MS || time - drawn < REDRAW_MS) return
      drawn = time
      // A line as wide as the terminal would wrap, and a wrapped line is not overwritten.
      talk.write(`\r${toLine(time - began).slice(0, (talk.columns ?? 80) - 1)}\x1b[K`)
    },
    clear() {
      if (drawn > Number.NEGATIVE_INFINITY) talk.write('\r\x1b[K')
      drawn = Number.NEGATIVE_INFINITY
    },
  }
}

/** How much of it is done: `[#####...............]  25%`. */
export function toBar(done: number, total: number): string {
  const part = total === 0 ? 1 : Math.min(done / total, 1)
  const filled = Math.floor(part * BAR_WIDTH)
  return `[${'#'.repeat(filled).padEnd(BAR_WIDTH, '.')}] ${`${Math.floor(part * 100)}%`.padStart(4)}`
}

/** How long that many bytes take, by a rate in bytes a second: `01:30 left`. */
export function toLeft(bytes: number, rate: number): string {
  if (rate <= 0) return 'stalled'
  const seconds = Math.ceil(bytes / rate)
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60]
  const clock = [minutes, seconds % 60].map((n) => String(n).padStart(2, '0')).join(':')
  return `${hours > 0 ? `${hours}:` : ''}${clock} left`
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

/** Bytes for people, two digits or more: `512 B`, `1.5 MiB`, `340 MiB`. */
export function toSize(bytes: number): string {
  let power = 0
  // What would be rounded to 1024 is one of the next unit.
  while (power < UNITS.length - 1 && bytes / 1024 ** power >= 1023.5) power++
  const amount = bytes / 1024 ** power
  return `${amount.toFixed(power === 0 || amount >= 99.95 ? 0 : 1)} ${UNITS[power]}`
}
