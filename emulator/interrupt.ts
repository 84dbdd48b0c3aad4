/** Resolves at SIGINT or SIGTERM; a second one ends the process at once. */
export async function untilInterrupted(): Promise<void> {
  // A signal listener alone keeps no process alive.
  const alive = setInterval(() => {}, 2 ** 30)
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      // Miniflare's own ends the process immediately, with nothing closed or removed. They go once ours is
      // there: a signal that came just before is lost when its last listener goes.
      const others = process.listeners(signal)
      process.once(signal, () => resolve())
      for (const other of others) process.off(signal, other)
    }
  })
  clearInterval(alive)
}
