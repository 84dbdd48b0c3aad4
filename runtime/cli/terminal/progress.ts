import type { Progress as AuditProgress } from '../../../functions/storage/survey/survey.ts'
import { formatCount, formatNumber, formatSize } from '../../../functions/wire/text.ts'
import type { TextStream } from '../../hosting/io.ts'

/** The progress of a download, for people. */
export interface Progress {
  /** `done` bytes are here. */
  update(done: number): void
  /** Removes the bar. */
  clear(): void
}

/** Starts the progress of a content of `total` bytes, of which `start` are here already. */
export type StartProgress = (span: { readonly total: number; readonly start: number }) => Progress

/** Shorter work needs no bar. */
const PATIENCE_MS = 1000
const REDRAW_MS = 100
const BAR_WIDTH = 20

/**
 * A bar for a download of `total` bytes, of which `start` are here already: drawn only on a terminal, and
 * only once it has taken longer than a second. `now` counts milliseconds.
 */
export function createProgress(
  terminal: TextStream,
  { total, start, now }: { total: number; start: number; now?: () => number },
): Progress {
  const meter = createMeter(terminal, now)
  return {
    update(done) {
      meter.draw((ms) => {
        const rate = ((done - start) * 1000) / ms
        return `${toBar(done, total)}  ${formatSize(done)} of ${formatSize(total)}  ${formatSize(rate)}/s  ${toLeft(total - done, rate)}`
      })
    },
    clear: meter.clear,
  }
}

/** The files of one run; `bytes` is null when some size is unknown. */
interface Total {
  readonly files: number
  readonly bytes: number | null
}

export type ProgressOfMany = ReturnType<typeof createProgressOfMany>

/** One bar for many files, drawn likewise. */
export function createProgressOfMany(terminal: TextStream, total: Total, now?: () => number) {
  const meter = createMeter(terminal, now)
  let [files, bytes, received] = [0, 0, 0]

  function draw(): void {
    meter.draw((ms) => {
      const [done, all] = total.bytes === null ? [files, total.files] : [bytes, total.bytes]
      const rate = (received * 1000) / ms
      const left = toLeft(all - done, (done * 1000) / ms)
      return `${toBar(done, all)}  ${formatNumber(files)} of ${formatCount(total.files, 'file', 'files')}  ${formatSize(bytes)}  ${formatSize(rate)}/s  ${left}`
    })
  }

  return {
    /** The progress of one of them. */
    start: (({ start }) => {
      bytes += start
      let before = start
      return {
        update(done) {
          bytes += done - before
          received += done - before
          before = done
          draw()
        },
        clear() {},
      }
    }) satisfies StartProgress,
    /** `size` bytes of one of them were transferred at once. */
    receive(size: number): void {
      bytes += size
      received += size
    },
    /** One of them is done, of which `size` bytes needed no transfer. */
    end(size = 0): void {
      files++
      bytes += size
      draw()
    },
    /** Bytes that were transferred. */
    received: () => received,
    clear: meter.clear,
  }
}

/** One line on a terminal that is redrawn. */
function createMeter(terminal: TextStream, now = () => performance.now()) {
  const began = now()
  let drawn = Number.NEGATIVE_INFINITY
  return {
    /** Draws `toLine` of the milliseconds since the start: not too often, and only after a while. */
    draw(toLine: (ms: number) => string): void {
      if (!terminal.isTTY) return
      const time = now()
      if (time - began <= PATIENCE_MS || time - drawn < REDRAW_MS) return
      drawn = time
      // A line as wide as the terminal would wrap, and a wrapped line is not overwritten.
      terminal.write(`\r${toLine(time - began).slice(0, (terminal.columns ?? 80) - 1)}\x1b[K`)
    },
    /** Removes the line. */
    clear(): void {
      if (drawn > Number.NEGATIVE_INFINITY) terminal.write('\r\x1b[K')
      drawn = Number.NEGATIVE_INFINITY
    },
  }
}

/** The part that is done: `[#####...............]  25%`. */
function toBar(done: number, total: number): string {
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

/** The progress of an audit, drawn only on a terminal, and only once it has taken longer than a second. */
export function createAuditMeter(terminal: TextStream) {
  const meter = createMeter(terminal)
  return {
    update: (replicas: readonly AuditProgress[]) => meter.draw((ms) => toLine(replicas, ms)),
    clear: meter.clear,
  }
}

function toLine(replicas: readonly AuditProgress[], ms: number): string {
  const sum = (key: 'names' | 'bytes' | 'remembered') => replicas.reduce((n, { seen }) => n + seen[key], 0)
  const [names, bytes] = [sum('names'), sum('bytes')]
  const rate = (bytes * 1000) / ms
  const known = names === 0 ? 0 : Math.floor((100 * sum('remembered')) / names)
  const files = `${formatCount(names, 'file', 'files')}  ${formatSize(bytes)}  ${formatSize(rate)}/s  ${known}% from the index`
  const totals = replicas.flatMap(({ of }) => of?.bytes ?? [])
  if (totals.length < replicas.length) return files
  const total = totals.reduce((a, b) => a + b, 0)
  return `${toBar(bytes, total)}  ${toLeft(Math.max(total - bytes, 0), rate)}  ${files}`
}
