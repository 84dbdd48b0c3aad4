import { requireName } from '../../functions/storage/names.ts'
import type { Facts, Storage } from '../../functions/storage/storage.ts'
import type { FileReader } from './file-reader.ts'
import { createInterruption } from './interruption.ts'
import { createLane } from './lane.ts'
import { MAX_QUICK_DESCRIBES, MAX_SLOW_DESCRIBES } from './limits.ts'

/** `Storage.describe` in two lanes, so that what takes one read does not wait for what takes a thousand. */
export function createDescribe(reader: FileReader): Storage['describe'] {
  const quickly = createLane(MAX_QUICK_DESCRIBES)
  const slowly = createLane(MAX_SLOW_DESCRIBES)
  // Who waits for a turn is told of the progress of those before: the store is at work, and comes to them.
  const watchers = new Set<() => void>()

  function onProgress(): void {
    for (const watch of watchers) watch()
  }

  async function describeOne(name: string, signal: AbortSignal | undefined): Promise<Facts | null> {
    requireName(name)
    const facts = await quickly(() => reader.readQuickFacts(name, { signal, onProgress }))
    if (facts !== 'slow') return facts
    return await slowly(() => reader.readFacts(name, { signal, onProgress }))
  }

  return (names, { signal, onProgress: watch = () => {} } = {}) => {
    const interruption = createInterruption(signal)
    const watcher = () => watch()
    watchers.add(watcher)
    const answers = new Map<string, Promise<Facts | null>>()
    for (const name of new Set(names)) answers.set(name, interruption.race(describeOne(name, signal)))
    Promise.allSettled(answers.values()).then(() => {
      watchers.delete(watcher)
      interruption.stop()
    })
    // Every name has its answer by now; the fallback is for the compiler alone.
    return names.map((name) => answers.get(name) ?? Promise.resolve(null))
  }
}
