/** Runs `work` when its turn comes; settles as `work` does. */
export type Lane = <T>(work: () => Promise<T>) => Promise<T>

/** Lets at most `width` works run at once; the others wait in the order in which they came. */
export function createLane(width: number): Lane {
  const waiting: (() => void)[] = []
  let free = width

  async function enter(): Promise<void> {
    if (free === 0) return await new Promise((resolve) => waiting.push(resolve))
    free--
  }

  function leave(): void {
    const next = waiting.shift()
    if (next === undefined) free++
    else next()
  }

  return async (work) => {
    await enter()
    try {
      return await work()
    } finally {
      leave()
    }
  }
}
