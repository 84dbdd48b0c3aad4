import { setFlagsFromString } from 'node:v8'

/**
 * V8 lets the space of new objects grow with the memory of the machine, to 192 MiB on one of 24 GiB, and a
 * server under load fills it. With this size it answers as many requests; see "Memory" in docs/benchmarks.md.
 *
 * And V8 makes objects in the old generation at once where many from the same place in the code have lived
 * long. In a server those are the reads that wait for a replica: with all that they hold they would then stay
 * until the next full collection.
 *
 * V8 would also let the old generation grow to four times what the last full collection left: the fourth
 * flag is a limit in percent above that.
 *
 * And V8 collects new objects with up to five threads. A server that waits for its replicas has so few
 * that are alive then, some 300 KiB, that waking threads for them costs more than copying them alone.
 */
const FLAGS = [
  '--max-semi-space-size=8',
  '--min-semi-space-size=4',
  '--no-allocation-site-pretenuring',
  '--heap-growing-percent=30',
  '--no-parallel-scavenge',
]

/** The first two would override the limits of each thread that starts later; see `THREAD_LIMITS`. */
const THREAD_FLAGS = ['--max-semi-space-size=0', '--min-semi-space-size=0']

/**
 * By default glibc gives the threads of a process eight arenas for each processor, which all keep freed
 * memory.
 */
const ARENAS = { MALLOC_ARENA_MAX: '2' }

/**
 * Starts this program again in this process (same pid, same files) with memory for a server, which V8 and
 * glibc take only at the start. Does nothing on a host without execve(2). In a process that was so started,
 * or where a size was chosen, it leaves that size to the main thread alone.
 */
export function useServerMemory(): void {
  const { execve, execPath, execArgv, argv, env } = process
  const isChosen = [...execArgv, env['NODE_OPTIONS'] ?? ''].some((text) => text.includes('semi-space-size'))
  if (isChosen) for (const flag of THREAD_FLAGS) setFlagsFromString(flag)
  else execve?.(execPath, [execPath, ...FLAGS, ...execArgv, ...argv.slice(1)], { ...ARENAS, ...env })
}
