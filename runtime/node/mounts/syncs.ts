import { type ChildProcess, spawn } from 'node:child_process'
import { withTimeout } from '../../../functions/wire/limit.ts'
import type { Synced } from '../digests/belief.ts'
import { CLOCK_STEP_MS, SYNC_PAUSE_MS, SYNC_PAUSE_TIMES, SYNC_WAIT_MS } from '../limits.ts'
import type { FileSystem } from './file-system.ts'

export type Syncs = ReturnType<typeof createSyncs>

interface SyncsOptions {
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Called with a line the first time that a sync fails. */
  readonly onNotice: (line: string) => void
}

interface Running {
  readonly child: ChildProcess | null
  readonly ended: Promise<boolean>
}

interface Done extends Synced {
  /** `now` less `performance.now()`, at its beginning. */
  readonly offset: number
}

/**
 * Syncs the file system of one root. After a sync, the first store through a mapping into a file moves its
 * times, so that what is read from then on may be remembered. Node has no call for syncfs(2): `sync -f` of
 * GNU coreutils or busybox does it in a process of its own, so that a disk that hangs blocks nothing.
 */
export function createSyncs({ now, onNotice }: SyncsOptions) {
  let target: FileSystem | null = null
  let done: Done | null = null
  let running: Running | null = null
  let timer: NodeJS.Timeout | undefined
  // By `performance.now()`; not in the first second, which may be the only one of a command.
  let next = performance.now() + SYNC_PAUSE_MS
  let isReported = false
  let isClosed = false

  function start(system: FileSystem): Running {
    clearTimeout(timer)
    timer = undefined
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const [at, begun] = [now(), performance.now()]
    const end = (fault: string | null) => {
      running = null
      const took = performance.now() - begun
      next = begun + took + Math.max(SYNC_PAUSE_MS, SYNC_PAUSE_TIMES * took)
      if (fault === null) done = { id: system.id, at, offset: at - begun }
      else report(fault)
      resolve(fault === null)
    }
    return { child: launch(system.path, end), ended: promise }
  }

  function report(fault: string): void {
    if (isReported || isClosed) return
    isReported = true
    onNotice(
      `'sync -f' failed (${fault}): digests of files that were changed since the last sync are not remembered`,
    )
  }

  /** Whether the clock was not set since then. */
  function isSteady({ offset }: Done): boolean {
    return Math.abs(now() - performance.now() - offset) <= CLOCK_STEP_MS
  }

  function run(): Running | null {
    if (running === null && target !== null && !isClosed) running = start(target)
    return running
  }

  async function syncFromNow(): Promise<boolean> {
    // One under way may have begun before the store that is to be written out.
    await running?.ended
    return (await run()?.ended) ?? false
  }

  return {
    /** The last sync that has ended; null before the first one ends, and after the clock was set. */
    last: (): Synced | null => (done !== null && isSteady(done) ? { id: done.id, at: done.at } : null),
    /** Sets the file system; null for one that must not be synced. */
    aim(system: FileSystem | null): void {
      target = system
    },
    request(): void {
      if (running !== null || timer !== undefined || target === null || isClosed) return
      timer = setTimeout(run, Math.max(0, next - performance.now())).unref()
    },
    /** Starts a new sync, and waits `SYNC_WAIT_MS` at most. Resolves with whether it succeeded by then. */
    wait: async (): Promise<boolean> => (await withTimeout(SYNC_WAIT_MS, syncFromNow())) ?? false,
    close(): void {
      isClosed = true
      clearTimeout(timer)
      running?.child?.kill('SIGKILL')
    },
  }
}

/** Starts the program; `end` is called once, later, with null or the fault. */
function launch(path: string, end: (fault: string | null) => void): ChildProcess | null {
  try {
    const env = { PATH: process.env['PATH'], LC_ALL: 'C' }
    const child = spawn('sync', ['-f', path], { stdio: 'ignore', env })
    // The process may end before the disk answers.
    child.unref()
    child.once('error', (error) => end(error.message))
    child.once('exit', (code, signal) => end(code === 0 ? null : `exit status ${code ?? signal}`))
    return child
  } catch (error) {
    process.nextTick(end, error instanceof Error ? error.message : String(error))
    return null
  }
}
