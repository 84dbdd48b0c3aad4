import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { fromBytes, toStream } from '../../bytes/chunks.ts'
import { SEEN_AGAIN_MS } from '../../wire/limits.ts'
import { StorageError } from '../../wire/storage-error.ts'
import type { Facts } from '../facts.ts'
import type { Storage } from '../storage.ts'
import { createTestHasher, hash, toBytes } from '../suite/set-up.suite.ts'
import { describeOne } from '../suite/suite-tools.suite.ts'
import type { Survey } from '../survey/survey.ts'
import { createDigestCache } from './digest-cache.ts'
import { createObjectStorage } from './object-storage.ts'
import type { ObjectInfo, Objects } from './objects.ts'
import { createProvisionalDigests } from './provisional-digests.ts'

const WHOLE: Survey = {
  ...{ ranges: [{ after: '', until: null }], prefix: '', grain: 0 },
  ...{ maxAge: null, match: [], exclude: [] },
}

/**
 * A web server that sends cached validators within the same second of its clock, as lighttpd does, and sends
 * the bytes of now. Each content has validators of its own, which return with it.
 */
function createLaggingServer() {
  const history = [{ at: performance.now(), text: 'content 0' }]
  const asked = { heads: 0, gets: 0 }
  let contents = 1
  let stat = { second: -1, text: '' }
  const current = () => history.at(-1)?.text ?? ''

  function toInfo(): ObjectInfo {
    const second = Math.floor(performance.now() / 1000)
    if (stat.second !== second) stat = { second, text: current() }
    return { key: 'a', size: current().length, modified: 0, version: `of ${stat.text}`, stored: null }
  }

  const objects: Objects = {
    provisional: createProvisionalDigests(),
    async head() {
      asked.heads++
      return toInfo()
    },
    async get(_key, { version }) {
      asked.gets++
      const info = toInfo()
      if (info.version !== (version ?? info.version)) throw new StorageError('changed', 'another version')
      return { info, body: toStream(fromBytes(toBytes(current()))) }
    },
    list: async () => ({ objects: [toInfo()], isLast: true }),
  }

  return {
    asked,
    current,
    storage: createObjectStorage(objects, { createHasher: createTestHasher, cache: createDigestCache() }),
    /** Another client requests the file, so that the server caches its validators until the second ends. */
    visit: () => void toInfo(),
    /** A content that the file never had. */
    replace: () => void history.push({ at: performance.now(), text: `content ${contents++}` }),
    /** The content before this one, or an earlier one, with its validators. */
    putBack: (steps: number) => {
      const { text = current() } = history.at(-1 - steps) ?? {}
      history.push({ at: performance.now(), text })
    },
    /** The contents of the file in the last second. */
    recent() {
      const from = performance.now() - 1000
      return history
        .filter((_, i) => (history[i + 1]?.at ?? Number.POSITIVE_INFINITY) > from)
        .map(({ text }) => text)
    },
  }
}

type Server = ReturnType<typeof createLaggingServer>

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance', 'Date', 'setTimeout', 'clearTimeout'], now: 1_000_000 })
})
afterEach(() => {
  vi.useRealTimers()
})

/** The first facts of a survey, while time passes. */
async function survey(storage: Storage): Promise<Facts | null> {
  let facts: Facts | null = null
  let isDone = false
  const reading = (async () => {
    for await (const line of storage.survey?.(WHOLE) ?? []) {
      if ('said' in line && 'digest' in line.said) facts = line.said
    }
  })().finally(() => {
    isDone = true
  })
  while (!isDone) await vi.advanceTimersByTimeAsync(10)
  await reading
  return facts
}

async function expectTrue({ current, recent }: Server, facts: Facts | null): Promise<void> {
  const texts = facts?.evidence === 'read' ? [current()] : recent()
  expect(await Promise.all(texts.map((text) => hash(toBytes(text))))).toContain(facts?.digest)
}

describe('a digest that was read under validators that a server updates late', () => {
  it.each([0, 1500, 2500, 3600_000])(
    'is not believed when the earlier content returns with them, and is requested after %d ms',
    async (ms) => {
      const server = createLaggingServer()
      server.visit()
      server.replace()
      // In the same second: new bytes, old validators.
      expect(await describeOne(server.storage, 'a')).toMatchObject({
        digest: await hash(toBytes('content 1')),
      })
      server.putBack(1)
      await vi.advanceTimersByTimeAsync(ms)
      for (let i = 0; i < 3; i++) {
        expect(await describeOne(server.storage, 'a')).toMatchObject({
          digest: await hash(toBytes('content 0')),
        })
        await vi.advanceTimersByTimeAsync(SEEN_AGAIN_MS)
      }
    },
  )

  it('is not believed after a survey, which checks again before it ends', async () => {
    const server = createLaggingServer()
    server.visit()
    server.replace()
    expect(await survey(server.storage)).toMatchObject({ digest: await hash(toBytes('content 1')) })
    server.putBack(1)
    await vi.advanceTimersByTimeAsync(5000)
    expect(await survey(server.storage)).toMatchObject({
      digest: await hash(toBytes('content 0')),
      evidence: 'read',
    })
  })

  it('is that of a content of the last second, after any history', async () => {
    let remembered = 0
    const action = fc.oneof(
      { weight: 1, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat({ max: 5000 }) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat({ max: 200 }) }) },
      { weight: 4, arbitrary: fc.record({ do: fc.constant('describe' as const) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('survey' as const) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('visit' as const) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('replace' as const) }) },
      {
        weight: 2,
        arbitrary: fc.record({ do: fc.constant('put back' as const), steps: fc.integer({ min: 1, max: 2 }) }),
      },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 40, size: 'max' }), async (actions) => {
        const server = createLaggingServer()
        let isPutBack = false
        for (const one of actions) {
          if (one.do === 'wait') await vi.advanceTimersByTimeAsync(one.ms)
          else if (one.do === 'replace') server.replace()
          else if (one.do === 'visit') server.visit()
          // Not covered: two contents that take turns, each with its own time.
          else if (one.do === 'put back') isPutBack || server.putBack(one.steps)
          else {
            const answer = one.do === 'survey' ? survey(server.storage) : describeOne(server.storage, 'a')
            const facts = await answer.catch((error) => {
              // A change between two requests.
              expect(error).toMatchObject({ code: 'changed' })
              return undefined
            })
            if (facts === undefined) continue
            await expectTrue(server, facts)
            if (facts?.evidence === 'remembered') remembered++
          }
          if (one.do === 'replace') isPutBack = false
          if (one.do === 'put back') isPutBack = true
        }
      }),
      { numRuns: 200 },
    )
    expect(remembered).toBeGreaterThan(100)
  })

  it('costs a second reading, or in a survey a second check, and is then remembered', async () => {
    const { storage, asked } = createLaggingServer()
    for (const evidence of ['read', 'read', 'remembered', 'remembered']) {
      expect(await describeOne(storage, 'a')).toMatchObject({ evidence })
      await vi.advanceTimersByTimeAsync(SEEN_AGAIN_MS)
    }
    expect(asked).toEqual({ heads: 4, gets: 2 })
    const other = createLaggingServer()
    const begun = Date.now()
    expect(await survey(other.storage)).toMatchObject({ evidence: 'read', age: 0 })
    const ended = Date.now()
    await vi.advanceTimersByTimeAsync(60_000)
    const remembered = await survey(other.storage)
    expect(remembered).toMatchObject({ evidence: 'remembered' })
    // The survey waits while the bytes are hashed, so when it read them is known only to within its own
    // length.
    expect(remembered?.age).toBeGreaterThanOrEqual(60)
    expect(remembered?.age).toBeLessThanOrEqual(Math.ceil((ended - begun + 60_000) / 1000))
    expect(other.asked).toEqual({ heads: 2, gets: 1 })
  })

  it('is confirmed even if the file is requested continuously', async () => {
    const { storage, asked } = createLaggingServer()
    for (let i = 0; i < 100; i++) {
      await describeOne(storage, 'a')
      await vi.advanceTimersByTimeAsync(100)
    }
    expect(asked.gets).toBeLessThan(25)
  })
})
