import { withTimeout } from '../../../functions/wire/limit.ts'
import { CLOSE_MS } from '../limits.ts'

// Only the end of the process ends a thread inside a call to a file system that does not answer.

let heldUp = 0

/** Waits `ms` milliseconds at most for `ended`; resolves with whether it ended. Rejects when it rejects. */
export async function hasEnded(ended: Promise<unknown>, ms = CLOSE_MS): Promise<boolean> {
  heldUp++
  const settled = ended.finally(() => heldUp--).then(() => true)
  // A rejection that comes too late is ignored.
  settled.catch(() => {})
  return (await withTimeout(ms, settled)) ?? false
}

/**
 * Ends this process with an exit status. `process.exit` waits for every thread and call of the thread pool:
 * for ever where a file system does not answer. The process then executes a program that ends at once.
 */
export function endProcess(status: number): never {
  if (heldUp === 0) process.exit(status)
  // Bun has no `execve`.
  if (process.execve === undefined) process.kill(process.pid, 'SIGKILL')
  // Node looks for a package.json in the current directory.
  process.chdir('/')
  process.execve?.(process.execPath, [process.execPath, '--eval', `process.exit(${status})`], {})
  throw new Error('the process did not end')
}

/** Whether a call or a thread has not ended, so that only `endProcess` ends the process. */
export function isHeldUp(): boolean {
  return heldUp > 0
}
