import { truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Pace } from '../../../functions/bytes/pace.ts'
import { useTemporaryDirectory } from '../temporary-directory.suite.ts'
import { createHashPool } from './hash-pool.ts'
import { type AskOptions, createQuestions } from './question.ts'

const MIB = 2 ** 20
let root: string
let pool: ReturnType<typeof createHashPool>

beforeEach(() => {
  root = useTemporaryDirectory()
  pool = createHashPool({
    ...{ root, now: Date.now, synced: () => null },
    onReturn: (question) => question.resolve(null),
  })
})
afterEach(() => pool.close())

function write(name: string, mib: number): void {
  writeFileSync(join(root, name), '')
  truncateSync(join(root, name), mib * MIB)
}

/** Has a file hashed; resolves when it was. */
async function hash(name: string, options: AskOptions = {}): Promise<void> {
  const { questions, promises } = createQuestions([{ name }], options, pool.remove)
  for (const question of questions) pool.add(question)
  await Promise.all(promises)
}

/** A pace whose waits end when `go` is called; `waits` are the bytes of each. */
function createHandPace() {
  const waits: number[] = []
  let called = Promise.withResolvers<void>()
  let waiting = Promise.withResolvers<void>()
  const pace: Pace = {
    rate: 1,
    wait(bytes) {
      waits.push(bytes)
      called.resolve()
      return waiting.promise
    },
  }
  return {
    ...{ pace, waits },
    /** Resolves when the next wait has begun. */
    called: () => called.promise,
    go(): void {
      called = Promise.withResolvers()
      const { resolve } = waiting
      waiting = Promise.withResolvers()
      resolve()
    },
  }
}

it('a file with a pace is read no further than its pace allows, while others are hashed', async () => {
  const { pace, waits, called, go } = createHandPace()
  write('paced', 3)
  for (const name of ['1', '2', '3', '4']) write(name, 8)
  const hashed = hash('paced', { pace, background: true })
  await called()
  await Promise.all(['1', '2', '3', '4'].map((name) => hash(name, { background: true })))
  expect(waits).toEqual([MIB])
  go()
  await called()
  go()
  await called()
  expect(waits).toEqual([MIB, MIB, MIB])
  await hashed
})

it('a file is read on without a pace once somebody asks for it who has none', async () => {
  const { pace, waits, called } = createHandPace()
  write('both', 4)
  const paced = hash('both', { pace })
  await called()
  await Promise.all([paced, hash('both')])
  expect(waits).toEqual([MIB])
})

it('a file whose pace is waited for is let go when nobody asks for it any more, and at the end', async () => {
  const { pace, called } = createHandPace()
  const other = createHandPace()
  write('left', 4)
  write('open', 4)
  const abort = new AbortController()
  const left = hash('left', { pace, signal: abort.signal })
  await called()
  abort.abort(new Error('left'))
  await expect(left).rejects.toThrow('left')
  const open = hash('open', { pace: other.pace })
  await other.called()
  await Promise.all([expect(open).rejects.toThrow(), pool.close()])
})
