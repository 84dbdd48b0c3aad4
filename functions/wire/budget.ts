/** Bytes of one kind that are held in memory. */
export interface Budget {
  /** Whether so many bytes more are within it. */
  hasRoom(bytes: number): boolean
  /**
   * Runs `work`, which sets how many bytes it holds whenever that changes. It holds none any more when it has resolved or
   * rejected. Settles as `work` does.
   */
  hold<T>(work: (set: (bytes: number) => void) => Promise<T>): Promise<T>
}

/** A budget of `most` bytes. What is held may exceed it: who is about to hold more asks `hasRoom` first. */
export function createBudget(most: number): Budget {
  let held = 0
  return {
    hasRoom: (bytes) => held + bytes <= most,
    async hold(work) {
      let own = 0
      const set = (bytes: number) => {
        held += bytes - own
        own = bytes
      }
      try {
        return await work(set)
      } finally {
        set(0)
      }
    },
  }
}
