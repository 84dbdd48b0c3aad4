import * as v from 'valibot'
import { createDigestCache } from '../../../functions/storage/objects/digest-cache.ts'
import type { DigestCache, Known } from '../../../functions/storage/objects/object-digests.ts'
import { parseJson } from '../../../functions/wire/json/parse.ts'
import type { ObjectNamespace } from '../bindings.ts'
import { MAX_DIGESTS_AT_ONCE } from '../limits.ts'
import type { digestsRequest } from './digest-object.ts'
import { type AskedRow, type KnownRow, knownRow } from './digest-pages.ts'

/**
 * Remembers digests in memory and, with a namespace, in the Durable Object `Digests` of this place, which
 * outlives this Worker and is shared by its instances. Returns a function that opens the cache for one
 * request: requests share what is in memory, and no promise. What is asked for or noted together goes to the
 * object together, since each call of it is paid for. An object that fails remembers nothing.
 */
export function createDigests(place: string, objects: ObjectNamespace | null): () => DigestCache {
  const memory = createDigestCache()
  if (objects === null) return () => memory
  return () => {
    const ask = async (request: v.InferOutput<typeof digestsRequest>): Promise<readonly KnownRow[]> => {
      try {
        const object = objects.get(objects.idFromName(place))
        const init = { method: 'POST', body: JSON.stringify(request) }
        // The address is ignored, but a request needs one.
        const answer = parseJson(v.array(knownRow), await (await object.fetch('http://digests', init)).text())
        return answer.success ? answer.output : []
      } catch {
        return []
      }
    }
    const find = inBatches<AskedRow, KnownRow | undefined>(async (asked) => {
      const found = await ask({ find: asked.map(([...row]) => row), note: [], drop: [] })
      const byKey = new Map(found.map((row) => [row[0], row]))
      return asked.map(([key, version]) => {
        const row = byKey.get(key)
        return row?.[1] === version ? row : undefined
      })
    })
    const note = inBatches<KnownRow | AskedRow, undefined>(async (rows) => {
      const noted = rows.flatMap((row) => (row.length === 4 ? [[...row] satisfies KnownRow] : []))
      const dropped = rows.flatMap((row) => (row.length === 2 ? [[...row] satisfies AskedRow] : []))
      await ask({ find: [], note: noted, drop: dropped })
      return rows.map(() => undefined)
    })
    return {
      async get(key, version) {
        const held = await memory.get(key, version)
        if (held !== undefined) return held
        const row = await find([key, version])
        if (row === undefined) return undefined
        const known: Known = { digest: row[2], readAt: row[3] }
        await memory.set(key, version, known)
        return known
      },
      async set(key, version, known) {
        await memory.set(key, version, known)
        await note([key, version, known.digest, known.readAt])
      },
      async forget(key, version) {
        await memory.forget(key, version)
        await note([key, version])
      },
    }
  }
}

/**
 * A function whose calls are passed to `run` together, at most `MAX_DIGESTS_AT_ONCE` of them, in their order:
 * those of one turn, and those that come while a batch is under way.
 */
function inBatches<Q, A>(run: (asked: readonly Q[]) => Promise<readonly (A | undefined)[]>) {
  let waiting: { readonly one: Q; readonly done: PromiseWithResolvers<A | undefined> }[] = []
  let isRunning = false

  async function runAll(): Promise<void> {
    isRunning = true
    // The other calls of this turn join the first.
    await Promise.resolve()
    for (; waiting.length > 0; ) {
      const batch = waiting.slice(0, MAX_DIGESTS_AT_ONCE)
      waiting = waiting.slice(MAX_DIGESTS_AT_ONCE)
      const answers = await run(batch.map(({ one }) => one))
      for (const [i, { done }] of batch.entries()) done.resolve(answers[i])
    }
    isRunning = false
  }

  return (one: Q): Promise<A | undefined> => {
    const done = Promise.withResolvers<A | undefined>()
    waiting.push({ one, done })
    if (!isRunning) void runAll()
    return done.promise
  }
}
