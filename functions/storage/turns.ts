/** Creates a function that runs at most `most` works at once, and the rest in turn. */
export function createTurns(most: number) {
  const waiting: (() => void)[] = []
  let running = 0
  return async function take<T>(work: () => Promise<T>): Promise<T> {
    if (running === most) await new Promise<void>((resolve) => waiting.push(resolve))
    else running++
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next === undefined) running--
      else next()
    }
  }
}
