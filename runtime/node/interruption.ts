/** Lets promises be given up on a signal, with one listener for however many of them. */
export interface Interruption {
  /** Settles as `promise` does, or rejects with the signal's reason as soon as that is aborted. */
  race<T>(promise: Promise<T>): Promise<T>
  /** Stops listening. */
  stop(): void
}

/** Listens to `signal`, where there is one. */
export function createInterruption(signal: AbortSignal | undefined): Interruption {
  if (signal === undefined) return { race: (promise) => promise, stop() {} }
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  // Whether anything is raced with it or not.
  aborted.catch(() => {})
  const abort = () => reject(signal.reason)
  if (signal.aborted) abort()
  else signal.addEventListener('abort', abort)
  return {
    race: (promise) => Promise.race([promise, aborted]),
    stop: () => signal.removeEventListener('abort', abort),
  }
}
