/** The first element of the memory: what the thread is to do before its next read. */
const [GO, HOLD, STOP] = [0, 1, 2]
/** The second: whether it holds after each read. */
const [FREE, PACED] = [0, 1]

/**
 * How a thread that hashes one file after the other is held, let go and stopped by another, between two
 * reads.
 */
export type HashControl = ReturnType<typeof createHashControl>

/** Either side makes one, over the same memory. */
export function createHashControl(memory = new SharedArrayBuffer(8)) {
  const state = new Int32Array(memory)
  const set = (now: number) => {
    Atomics.store(state, 0, now)
    Atomics.notify(state, 0)
  }

  /** Lets a thread that holds read on, once. */
  function go(): void {
    if (Atomics.compareExchange(state, 0, HOLD, GO) === HOLD) Atomics.notify(state, 0)
  }

  return {
    memory,
    /** Before a file: the thread may read. */
    begin: () => set(GO),
    /**
     * Whether the thread holds after each read until `go`; one that holds reads on when it no longer has to.
     */
    setPaced(isPaced: boolean): void {
      Atomics.store(state, 1, isPaced ? PACED : FREE)
      if (!isPaced) go()
    },
    go,
    stop: () => set(STOP),
    /** On the thread, after a read. */
    hold(): void {
      if (Atomics.load(state, 1) === PACED) Atomics.compareExchange(state, 0, GO, HOLD)
    },
    /** On the thread, before a read: waits while it holds, and returns whether it was stopped. */
    isStopped(): boolean {
      // One that was set free between the two steps of `hold` must not wait.
      while (Atomics.load(state, 0) === HOLD && Atomics.load(state, 1) === PACED) Atomics.wait(state, 0, HOLD)
      return Atomics.load(state, 0) === STOP
    },
  }
}
