/**
 * V8 lets the space of new objects grow with the memory of the machine, to 192 MiB on one of 24 GiB, and a
 * server under load fills it. With this size it answers as many requests; see "Memory" in docs/benchmarks.md.
 */
const FLAGS = ['--max-semi-space-size=8', '--min-semi-space-size=4']

/**
 * By default glibc gives the threads of a process eight arenas for each processor, which all keep freed
 * memory.
 */
const ARENAS = { MALLOC_ARENA_MAX: '2' }

/**
 * Starts this program again in this process (same pid, same files) with memory for a server, which V8 and
 * glibc take only at the start. Does nothing where a size was chosen, in a process that was so started, and
 * on a host without execve(2).
 */
export function useServerMemory(): void {
  const { execve, execPath, execArgv, argv, env } = process
  const isChosen = [...execArgv, env['NODE_OPTIONS'] ?? ''].some((text) => text.includes('semi-space-size'))
  if (!isChosen)
    execve?.(execPath, [execPath, ...FLAGS, ...execArgv, ...argv.slice(1)], { ...ARENAS, ...env })
}
