/** Runs `work` once all earlier work under the same `key` is done; settles as `work` does. */
export type Locks = <T>(key: string, work: () => Promise<T>) => Promise<T>

/** Creates locks within this process. A key takes memory only while it is locked. */
export function createLocks(): Locks {
  const last = new Map<string, Promise<unknown>>()

  return async (key, work) => {
    const turn = (last.get(key) ?? Promise.resolve()).then(work, work)
    last.set(key, turn)
    try {
      return await turn
    } finally {
      if (last.get(key) === turn) last.delete(key)
    }
  }
}
