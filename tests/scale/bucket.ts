import { toBytes } from '../../functions/wire/digest.ts'
import type { R2Bucket, R2Object } from '../../runtime/workers/bindings.ts'
import type { Clock, Weather } from './weather.ts'
import { isHeld, listOdd, type Odd, toDigest, toName, toNext, toSize, type World } from './world.ts'

/** A replica of the world as a bucket of R2, each page of which is made when it is listed. */
export function createBucket(
  world: () => World,
  replica: number,
  clock: Clock,
  weather: () => Weather,
): R2Bucket {
  function toObject(n: number, odd: Odd | undefined): R2Object {
    const digest = toDigest(world(), n, odd, replica)
    return {
      ...{ key: toName(n), version: digest, size: toSize(n), etag: digest, uploaded: new Date(0) },
      checksums: { sha256: toBytes(digest).buffer },
    }
  }

  const refuse = () => Promise.reject(new Error('an audit of stored digests does not ask for this'))
  return {
    async head(key) {
      clock.call(replica, weather())
      const n = toNext(key) - 1
      const [odd] = listOdd(world(), n, n + 1)
      return isHeld(odd, replica) ? toObject(n, odd) : null
    },
    async list({ startAfter = '', limit }) {
      clock.call(replica, weather())
      const first = toNext(startAfter)
      const end = Math.min(world().names, first + limit + 1)
      const odds = new Map([...listOdd(world(), first, end)].map((odd) => [odd.at, odd]))
      const objects: R2Object[] = []
      let at = first
      for (; at < world().names && objects.length < limit; at++)
        if (isHeld(odds.get(at), replica)) objects.push(toObject(at, odds.get(at)))
      return { objects, truncated: at < world().names }
    },
    get: refuse,
    put: refuse,
  }
}
