import { CLOSE_MS } from './limits.ts'

// A thread inside a call of a file system that gives no answer cannot be stopped: only the end of the process ends it.

let heldUp = 0

/** Waits `ms` milliseconds at most for `ended`, and resolves with whether it came. Rejects when `ended` does. */
export async function hasEnded(ended: Promise<unknown>, ms = CLOSE_MS): Promise<boolean> {
  const late = Promise.withResolvers<'late'>()
  const timer = setTimeout(() => late.resolve('late'), ms)
  heldUp++
  const settled = ended.finally(() => heldUp--)
  // A rejection that comes too late is ignored.
  settled.catch(() => {})
  try {
    return (await Promise.race([settled, late.promise])) !== 'late'
  } finally {
    clearTimeout(timer)
  }
}

/**
 * Ends this process with an exit status. `process.exit` waits for every thread and every call of the thread pool, and so
 * for ever where a file system gives no answer: the process then becomes another program, which ends at once.
 */
export function endProcess(status: number): never {
  if (heldUp === 0) process.exit(status)
  // Bun has no `execve`.
  if (process.execve === undefined) process.kill(process.pid, 'SIGKILL')
  // Where it is started, Node looks for a package.json.
  process.chdir('/')
  process.execve?.(process.execPath, [process.execPath, '--eval', `process.exit(${status})`], {})
  throw new Error('the process goes on after its end')
}

/** Whether something that was waited for has not ended, so that only `endProcess` ends the process. */
export function isHeldUp(): boolean {
  return heldUp > 0
}
