import { describe, expect, it, vi } from 'vitest'
import type { Facts, Storage } from '../storage/storage.ts'
import { MAX_BATCH_WAIT_MS, MAX_NAMES_PER_DESCRIBE } from '../wire/limits.ts'
import { StorageError } from '../wire/trouble.ts'
import { createMember } from './gather.ts'

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
  } as Pick<Storage, 'describe'> as Storage // nothing else of it is asked
  return { storage, batches }
}

/** A host whose turn ends when the test says so. */
function createTurn() {
  const works: (() => void)[] = []
  const end = () => {
    for (const work of works.splice(0)) work()
  }
  return { defer: (work: () => void) => void works.push(work), end }
}

const tick = () => new Promise(setImmediate)
const facts = (digest: string): Facts => ({ size: 1, digest, modified: null, evidence: 'computed' })

describe('a gathering member', () => {
  it('asks for what came in one turn at once, each name once', async () => {
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

  it('never joins a question that was sent: the answer is from after the asking', async () => {
    const { storage, batches } = createManual()
    const { defer, end } = createTurn()
    const member = createMember({ id: 'a', storage }, { defer })
    const before = member.ask('x')
    end()
    const after = member.ask('x')
    batches[0]?.answer('x', facts('old'))
    expect((await before).said).toEqual(facts('old'))
    await tick()
    batches[1]?.answer('x', facts('new'))
    expect((await after).said).toEqual(facts('new'))
  })

  it('sends what gathered during a batch when that is answered', async () => {
    const { storage, batches } = createManual()
    const { defer, end } = createTurn()
    const member = createMember({ id: 'a', storage }, { defer })
    member.ask('x')
    end()
    member.ask('y')
    member.ask('z')
    end()
    expect(batches).toHaveLength(1)
    batches[0]?.answer('x', null)
    await tick()
    expect(batches[1]?.names).toEqual(['y', 'z'])
  })

  it('waits for a slow batch no longer than its bound', async () => {
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

  it("gives each read its own name's error", async () => {
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

  it('asks for no more names at once than describe takes', () => {
    const { storage, batches } = createManual()
    const { defer, end } = createTurn()
    const member = createMember({ id: 'a', storage }, { defer })
    for (let i = 0; i < MAX_NAMES_PER_DESCRIBE + 1; i++) member.ask(`${i}`)
    expect(batches.map(({ names }) => names.length)).toEqual([MAX_NAMES_PER_DESCRIBE])
    end()
    expect(batches).toHaveLength(1)
  })
})

describe('a member that gathers nothing', () => {
  it('asks for each name by itself, at once', () => {
    const { storage, batches } = createManual()
    const member = createMember({ id: 'a', storage })
    member.ask('x')
    member.ask('x')
    expect(batches.map(({ names }) => names)).toEqual([['x'], ['x']])
  })
})
