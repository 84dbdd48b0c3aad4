import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Facts } from '../../storage/facts.ts'
import type { DescribeOptions, Storage, Work } from '../../storage/storage.ts'
import {
  BREAKER_FAILURES,
  GATHER_TURNS,
  MAX_BATCH_WAIT_MS,
  MAX_NAMES_PER_DESCRIBE,
} from '../../wire/limits.ts'
import { StorageError } from '../../wire/storage-error.ts'
import { createMember } from './member.ts'

/** A storage whose every describe waits to be answered by hand. */
function createManual() {
  const batches: {
    names: readonly string[]
    answer(name: string, said: Facts | null | StorageError): void
  }[] = []
  const storage = {
    describe(names: readonly string[]) {
      const questions = new Map(names.map((name) => [name, Promise.withResolvers<Facts | null>()]))
      batches.push({
        names,
        answer(name, said) {
          const question = questions.get(name)
          if (said instanceof StorageError) question?.reject(said)
          else question?.resolve(said)
        },
      })
      return names.map((name) => questions.get(name)?.promise ?? Promise.resolve(null))
    },
  } as Pick<Storage, 'describe'> as Storage // nothing else of it is called
  return { storage, batches }
}

/** A member whose replica reports that it works, and answers that a name is absent, when the test asks. */
function createAnswering() {
  const { storage, batches } = createManual()
  let options: DescribeOptions = {}
  const describe: Storage['describe'] = (names, given = {}) => {
    options = given
    return storage.describe(names)
  }
  const { defer, end } = createTurn()
  return {
    member: createMember({ id: 'a', storage: { ...storage, describe } }, { defer }),
    end,
    working: () => options.onProgress?.({ done: 1 }),
    answer: (name: string) => batches[0]?.answer(name, null),
    isLeft: () => options.signal?.aborted,
  }
}

/** A host whose turn ends when the test asks for it. */
function createTurn() {
  const works: (() => void)[] = []
  const end = () => {
    for (const work of works.splice(0)) work()
  }
  return { defer: (work: () => void) => void works.push(work), end }
}

const tick = () => new Promise(setImmediate)
const facts = (digest: string): Facts => ({ size: 1, digest, modified: null, evidence: 'read', age: 0 })

describe('a member that batches', () => {
  it('sends the questions of one turn as one batch, each name once', async () => {
    const { storage, batches } = createManual()
    const { defer, end } = createTurn()
    const member = createMember({ id: 'a', storage }, { defer })
    const answers = ['x', 'y', 'x'].map((name) => member.ask(name))
    expect(batches).toEqual([])
    end()
    expect(batches.map(({ names }) => names)).toEqual([['x', 'y']])
    batches[0]?.answer('x', facts('1'))
    batches[0]?.answer('y', null)
    expect((await Promise.all(answers)).map(({ said }) => said)).toEqual([facts('1'), null, facts('1')])
  })

  it('never joins a question to a batch that was already sent', async () => {
    const { storage, batches } = createManual()
    const { defer, end } = createTurn()
    const member = createMember({ id: 'a', storage }, { defer })
    const before = member.ask('x')
    end()
    const after = member.ask('x')
    batches[0]?.answer('x', facts('old'))
    expect((await before).said).toEqual(facts('old'))
    await tick()
    for (let turn = 0; turn < GATHER_TURNS; turn++) end()
    batches[1]?.answer('x', facts('new'))
    expect((await after).said).toEqual(facts('new'))
  })

  it('sends the questions gathered during a batch and a few turns after its end', async () => {
    const { storage, batches } = createManual()
    const { defer, end } = createTurn()
    const member = createMember({ id: 'a', storage }, { defer })
    member.ask('x')
    end()
    member.ask('y')
    end()
    expect(batches).toHaveLength(1)
    batches[0]?.answer('x', null)
    await tick()
    for (let turn = 1; turn < GATHER_TURNS; turn++) end()
    member.ask('z')
    expect(batches).toHaveLength(1)
    end()
    expect(batches[1]?.names).toEqual(['y', 'z'])
  })

  it('sends a question at the end of its turn when none waited at the end of the batch before it', async () => {
    const { storage, batches } = createManual()
    const { defer, end } = createTurn()
    const member = createMember({ id: 'a', storage }, { defer })
    member.ask('x')
    end()
    batches[0]?.answer('x', null)
    await tick()
    member.ask('y')
    end()
    expect(batches[1]?.names).toEqual(['y'])
  })

  it('waits for a slow batch no longer than its limit', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      const { storage, batches } = createManual()
      const { defer, end } = createTurn()
      const member = createMember({ id: 'a', storage }, { defer })
      const slow = member.ask('slow')
      end()
      const quick = member.ask('quick')
      await vi.advanceTimersByTimeAsync(MAX_BATCH_WAIT_MS)
      expect(batches[1]?.names).toEqual(['quick'])
      batches[1]?.answer('quick', null)
      expect((await quick).said).toBeNull()
      batches[0]?.answer('slow', null)
      expect((await slow).said).toBeNull()
    } finally {
      vi.useRealTimers()
    }
  })

  it('rejects each read with the error of its own name', async () => {
    const { storage, batches } = createManual()
    const { defer, end } = createTurn()
    const member = createMember({ id: 'a', storage }, { defer })
    const [bad, good] = [member.ask('bad'), member.ask('good')]
    end()
    batches[0]?.answer('bad', new StorageError('unreadable', 'it is broken'))
    batches[0]?.answer('good', null)
    expect((await bad).said).toMatchObject({ code: 'unreadable' })
    expect((await good).said).toBeNull()
  })

  it('sends no more names in a batch than describe accepts', () => {
    const { storage, batches } = createManual()
    const { defer, end } = createTurn()
    const member = createMember({ id: 'a', storage }, { defer })
    for (let i = 0; i < MAX_NAMES_PER_DESCRIBE + 1; i++) member.ask(`${i}`)
    expect(batches.map(({ names }) => names.length)).toEqual([MAX_NAMES_PER_DESCRIBE])
    end()
    expect(batches).toHaveLength(1)
  })
})

describe('a member that does not batch', () => {
  it('sends each name by itself, immediately', () => {
    const { storage, batches } = createManual()
    const member = createMember({ id: 'a', storage })
    member.ask('x')
    member.ask('x')
    expect(batches.map(({ names }) => names)).toEqual([['x'], ['x']])
  })
})

/** A storage whose work never ends, and that reports progress when the test triggers it; it lists nothing. */
function createWorking() {
  const asked: DescribeOptions[] = []
  const storage = {
    describe(names: readonly string[], options: DescribeOptions = {}) {
      asked.push(options)
      return names.map(() => new Promise<never>(() => {}))
    },
    async list() {
      throw new StorageError('unreachable', 'the listing took too long')
    },
  } as Pick<Storage, 'describe' | 'list'> as Storage // nothing else of it is called
  return { storage, asked, report: (work: Work) => asked.at(-1)?.onProgress?.(work) }
}

describe('a member with a slow replica', () => {
  const deadlines = { silence: 10_000, answer: 60_000 }
  const timeout = { reason: 'http_response_timeout' }
  const start = () => {
    const { storage, report } = createWorking()
    const said = vi.fn()
    const answer = createMember({ id: 'a', storage }, { deadlines }).ask('x')
    answer.then((answer) => said(answer.said))
    return { report, said }
  }
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
  afterEach(() => void vi.useRealTimers())

  it('waits as long as the progress grows, and reports the last progress when that stops', async () => {
    const { report, said } = start()
    for (let bytes = 1; bytes <= 30; bytes++) {
      await vi.advanceTimersByTimeAsync(deadlines.silence - 1)
      report({ done: 1e8, reading: { name: 'x', bytes: bytes * 1e8, size: 2e10 } })
    }
    expect(said).not.toHaveBeenCalled()
    await vi.advanceTimersByTimeAsync(deadlines.silence)
    const message = "the replica was silent for 10 seconds while it read 'x': 3.0 of 20.0 GB"
    expect(said).toHaveBeenCalledWith(new StorageError('unreachable', message, timeout))
  })

  it('waits until the deadline when the progress never grows', async () => {
    const { report, said } = start()
    for (let passed = 0; passed < deadlines.answer; passed += 5000) {
      expect(said).not.toHaveBeenCalled()
      report({ done: 0 })
      await vi.advanceTimersByTimeAsync(5000)
    }
    const message =
      'the replica made no progress for 60 seconds; ask again later, or let --answer-timeout allow more'
    expect(said).toHaveBeenCalledWith(new StorageError('unreachable', message, timeout))
  })
})

describe('a member whose callers leave', () => {
  function start() {
    const { storage, report, asked } = createWorking()
    const { defer, end } = createTurn()
    const member = createMember({ id: 'a', storage }, { defer })
    /** Asks for one name for each of these signals; then the replica reports progress. */
    function ask(signals: (AbortSignal | undefined)[]) {
      const answers = signals.map((signal) => member.ask('x', { ...(signal && { getSignal: () => signal }) }))
      end()
      report({ done: 1 })
      return { answers, signal: asked.at(-1)?.signal }
    }
    return { member, ask }
  }

  it('cancels the request when the last of them leaves', async () => {
    const { ask } = start()
    const [first, second] = [new AbortController(), new AbortController()]
    const { answers, signal } = ask([first.signal, second.signal])
    first.abort()
    expect(signal?.aborted).toBe(false)
    second.abort()
    expect(signal?.aborted).toBe(true)
    for (const { said } of await Promise.all(answers)) expect(said).toMatchObject({ code: 'unreachable' })
  })

  it('does not count as a failure of the replica', async () => {
    const { member, ask } = start()
    for (let i = 0; i < BREAKER_FAILURES; i++) {
      const { answers, signal } = ask([AbortSignal.abort()])
      await Promise.all(answers)
      expect(signal?.aborted).toBe(true)
    }
    expect(member.breaker.state()).toBe('closed')
  })

  it('cancels the request when the last of them without an answer leaves', async () => {
    const { member, end, working, answer, isLeft } = createAnswering()
    const [first, second] = [new AbortController(), new AbortController()]
    const answered = member.ask('x', { getSignal: () => first.signal })
    const waiting = member.ask('y', { getSignal: () => second.signal })
    end()
    working()
    answer('x')
    expect(await answered).toMatchObject({ said: null })
    second.abort()
    expect(isLeft()).toBe(true)
    expect((await waiting).said).toMatchObject({ code: 'unreachable' })
  })

  it('ends the request after the last awaited answer', async () => {
    const { member, end, working, answer, isLeft } = createAnswering()
    const left = new AbortController()
    const answered = member.ask('x', { getSignal: () => new AbortController().signal })
    const waiting = member.ask('y', { getSignal: () => left.signal })
    end()
    working()
    left.abort()
    expect(isLeft()).toBe(false)
    answer('x')
    expect(await answered).toMatchObject({ said: null })
    expect(isLeft()).toBe(true)
    expect((await waiting).said).toMatchObject({ code: 'unreachable' })
  })

  it('continues for callers that cannot leave', () => {
    expect(start().ask([AbortSignal.abort(), undefined]).signal?.aborted).toBe(false)
  })
})

it('a replica whose listing failed is still asked for files', async () => {
  const { storage } = createWorking()
  const member = createMember({ id: 'a', storage })
  for (let i = 0; i < BREAKER_FAILURES; i++) await member.list({})
  expect([member.listings.state(), member.breaker.state()]).toEqual(['open', 'closed'])
  expect(await member.list({})).toMatchObject({ message: expect.stringContaining('not asked again yet') })
})
