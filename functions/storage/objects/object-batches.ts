import type { Facts } from '../facts.ts'
import type { DescribeOptions } from '../storage.ts'
import { createDigestCache } from './digest-cache.ts'
import { type ObjectDigests, toFacts, toReadFacts } from './object-digests.ts'
import type { ListedObject, ObjectInfo, Objects } from './objects.ts'

/**
 * Describes many objects of a store that reads them together. What was read for an audit counts in its later
 * passes, for as long as the object has the same size and time, also where the store has no versions.
 */
export function createObjectBatches(readAll: NonNullable<Objects['readAll']>, digests: ObjectDigests) {
  let last: { readonly pass: string; readonly memory: ReturnType<typeof createDigestCache> } | undefined

  function getMemory(pass: string | undefined) {
    if (pass === undefined) return createDigestCache()
    if (last?.pass !== pass) last = { pass, memory: createDigestCache() }
    return last.memory
  }

  /** The facts of those objects that could be read together, by key; the others have to be asked for. */
  return async function describeAll(
    listed: readonly ListedObject[],
    pass: string | undefined,
    options: DescribeOptions,
  ): Promise<ReadonlyMap<string, Facts>> {
    const facts = new Map<string, Facts>()
    const keys: string[] = []
    for (const info of listed) if ((await digests.find(info, undefined)) === undefined) keys.push(info.key)
    const memory = getMemory(pass)
    const askedAt = performance.now()
    const readAt = Date.now()
    const read = await readAll(keys, {
      async isNeeded(info) {
        // A sign of life: the store has listed its directories.
        options.onProgress?.({ done: 0 })
        const known = (await digests.find(info, undefined)) ?? (await memory.get(info.key, toState(info)))
        if (known !== undefined) facts.set(info.key, toFacts(info, known))
        return known === undefined
      },
      read: (info, body) => digests.hash(info, body, options),
      signal: options.signal,
    })
    for (const { info, result: digest } of read) {
      await digests.remember({ info, askedAt }, digest, readAt)
      if (info.modified !== null) await memory.set(info.key, toState(info), { digest, readAt })
      facts.set(info.key, toReadFacts(info, digest))
    }
    return facts
  }
}

function toState({ size, modified }: ObjectInfo): string {
  return `${size} ${modified}`
}
