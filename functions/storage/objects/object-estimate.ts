import { MAX_OBJECTS_AT_ONCE, SAMPLED_OBJECTS } from '../../wire/limits.ts'
import type { Entry, Estimate, EstimateOptions } from '../storage.ts'
import type { ObjectInfo } from './objects.ts'

/** An object as it was listed. */
interface Listed extends Entry {
  readonly info: ObjectInfo
}

interface Looks {
  /** Lists all objects, page by page, and calls `onCall` for each call that this takes. */
  listAll(options: EstimateOptions, onCall: () => void): AsyncIterable<readonly Listed[]>
  /** Whether the digest of a listed object is known without another call. */
  isKnown(info: ObjectInfo): Promise<boolean>
  /** Asks for an object: whether it has a digest of its own; null when it is gone. */
  hasStored(key: string, signal: AbortSignal | undefined): Promise<boolean | null>
}

/**
 * What an audit of the listed objects will take: the calls that `createObjectDigests` makes of it. Of the
 * objects whose digests the listing does not have, and nobody remembers, some are asked for; the others are
 * taken to be like those.
 */
export async function estimateObjects(looks: Looks, options: EstimateOptions): Promise<Estimate> {
  const { isDeep, signal, onProgress } = options
  let [list, names, bytes] = [0, 0, 0]
  const unknown = { names: 0, bytes: 0 }
  const sample = createSample<ObjectInfo>()
  for await (const page of looks.listAll(options, () => list++)) {
    const known = await Promise.all(page.map(({ info }) => isDeep || looks.isKnown(info)))
    for (const [i, { info }] of page.entries()) {
      bytes += info.size
      if (known[i]) continue
      unknown.names++
      unknown.bytes += info.size
      sample.add(info)
    }
    names += page.length
    onProgress?.(names)
  }
  if (isDeep) return { names, bytes, calls: { list, head: 0, get: names, put: 0, bytes } }
  let [asked, reading, askedBytes, readingBytes] = [0, 0, 0, 0]
  for (const { key, size } of sample.get()) {
    const hasStored = await looks.hasStored(key, signal)
    onProgress?.(names)
    if (hasStored === null) continue
    asked++
    askedBytes += size
    if (hasStored) continue
    reading++
    readingBytes += size
  }
  const share = asked === 0 ? 0 : reading / asked
  const toRead = askedBytes === 0 ? 0 : (unknown.bytes * readingBytes) / askedBytes
  // Each gets the request that the one before it needed; after a HEAD that was not enough, a GET too.
  const toAsk = unknown.names * (1 - share) + Math.min(unknown.names, MAX_OBJECTS_AT_ONCE) * share
  const toGet = unknown.names * share * (2 - share)
  const calls = { list, head: Math.round(toAsk), get: Math.round(toGet), put: 0, bytes: Math.round(toRead) }
  return { names, bytes, calls }
}

/** Keeps at most `SAMPLED_OBJECTS` of many, at even distances, the first among them. */
function createSample<T>() {
  let kept: T[] = []
  let [distance, nth] = [1, 0]
  return {
    add(one: T): void {
      if (nth++ % distance !== 0) return
      if (kept.length === SAMPLED_OBJECTS) {
        kept = kept.filter((_, i) => i % 2 === 0)
        distance *= 2
        if ((nth - 1) % distance !== 0) return
      }
      kept.push(one)
    },
    get: (): readonly T[] => kept,
  }
}
