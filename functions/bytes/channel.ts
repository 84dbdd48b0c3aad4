/** A queue to one consumer, whose producer waits while it holds `room`: items, or what `toSize` measures. */
export function createChannel<T>(room: number, toSize: (item: T) => number = () => 1) {
  const arrival = createSignal()
  const departure = createSignal()
  let items: T[] = []
  let size = 0
  let ended: { readonly error: unknown } | undefined
  let cancelled: { readonly reason: unknown } | undefined

  async function hasItem(): Promise<boolean> {
    while (items.length === 0 && ended === undefined) await arrival.wait()
    if (items.length === 0 && ended?.error !== undefined) throw ended.error
    return items.length > 0
  }

  return {
    /** The room that waiting items take. */
    size: () => size,
    /** Adds an item, whether or not there is room; ignored after `end` and `cancel`. */
    add(item: T): void {
      if (ended !== undefined) return
      items.push(item)
      size += toSize(item)
      arrival.send()
    },
    /** Resolves once the waiting items take less than `room`. Rejects with the reason of `cancel`. */
    async whenRoom(): Promise<void> {
      while (size >= room && cancelled === undefined) await departure.wait()
      if (cancelled !== undefined) throw cancelled.reason
    },
    /** Marks the end. With an `error`, the consumer gets it after the last item. The first call counts. */
    end(error?: unknown): void {
      ended ??= { error }
      arrival.send()
    },
    /** Waits for an item, and returns all that wait, in order; an empty array at the end. */
    async take(): Promise<T[]> {
      await hasItem()
      const taken = items
      items = []
      size = 0
      departure.send()
      return taken
    },
    /** All items, if the end has been marked without an error and nobody waits; null otherwise. */
    takeWhole(): T[] | null {
      if (ended === undefined || ended.error !== undefined) return null
      const taken = items
      items = []
      size = 0
      return taken
    },
    /** Waits for one item and returns it; done at the end. */
    async next(): Promise<IteratorResult<T, undefined>> {
      if (!(await hasItem())) return { done: true, value: undefined }
      const [value] = items.splice(0, 1) as [T] // there is one
      size -= toSize(value)
      departure.send()
      return { done: false, value }
    },
    /** Drops what waits, on behalf of a consumer that has left; the channel then ends without an error. */
    cancel(reason: unknown = new Error('the consumer left')): void {
      items = []
      size = 0
      cancelled ??= { reason }
      ended = { error: undefined }
      arrival.send()
      departure.send()
    },
  }
}

/** Wakes all that wait at that moment. */
function createSignal() {
  let waiting: PromiseWithResolvers<void> | undefined
  return {
    wait(): Promise<void> {
      waiting ??= Promise.withResolvers<void>()
      return waiting.promise
    },
    send(): void {
      waiting?.resolve()
      waiting = undefined
    },
  }
}
