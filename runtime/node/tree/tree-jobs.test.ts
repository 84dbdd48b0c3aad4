import { expect, it, vi } from 'vitest'
import { MAX_OPEN_LISTINGS, TREE_STEP_MS } from '../limits.ts'
import { createJobs, type Steps } from './tree-jobs.ts'

/** Jobs whose steps each take a whole turn, and a thread that continues when the test calls it. */
function start() {
  vi.useFakeTimers({ toFake: ['performance'] })
  const turns: (() => void)[] = []
  const jobs = createJobs<string>((work) => void turns.push(work))
  const said: string[] = []

  function* work(name: string, steps: number): Steps<string> {
    said.push(`${name} begins`)
    try {
      for (let i = 1; i <= steps; i++) {
        said.push(`${name} ${i}`)
        vi.advanceTimersByTime(TREE_STEP_MS)
        yield null
      }
      return 'result'
    } finally {
      said.push(`${name} is closed`)
    }
  }

  return {
    jobs,
    said,
    add(id: number, name: string, steps: number, isListing = false) {
      jobs.add({
        id,
        isListing,
        start: () => work(name, steps),
        onResult: (result) => said.push(`${name}: ${result}`),
        onError: (error) => said.push(`${name}: ${error}`),
      })
    },
    /** Takes so many turns, all when absent. */
    run(most = Number.POSITIVE_INFINITY) {
      for (let i = 0; i < most; i++) {
        const turn = turns.shift()
        if (turn === undefined) return
        turn()
      }
    },
  }
}

it('jobs take turns, so that a short one does not wait for the end of a long one', () => {
  const { add, run, said } = start()
  add(1, 'long', 3)
  run(1)
  add(2, 'short', 1)
  run()
  expect(said.filter((line) => / \d$/.test(line))).toEqual(['long 1', 'long 2', 'short 1', 'long 3'])
  expect(said.filter((line) => line.endsWith('result'))).toEqual(['short: result', 'long: result'])
})

it('a job that is cancelled stops, frees its resources, and has no result', () => {
  const { jobs, add, run, said } = start()
  add(1, 'left', 100)
  add(2, 'other', 1)
  run(1)
  jobs.cancel(1)
  run()
  jobs.cancel(1)
  expect(said).toEqual([
    'left begins',
    'left 1',
    'left is closed',
    'other begins',
    'other 1',
    'other is closed',
    'other: result',
  ])
})

it('of very many listings only a few run at once, and those cancelled meanwhile never begin', () => {
  const { jobs, add, run, said } = start()
  const all = Array.from({ length: 100 }, (_, i) => i)
  for (const i of all) add(i, `listing ${i}`, 1000, true)
  add(100, 'survey', 1)
  run(3 * MAX_OPEN_LISTINGS)
  expect(said.filter((line) => line.endsWith('begins')).length).toBe(MAX_OPEN_LISTINGS + 1)
  for (const i of all) jobs.cancel(i)
  add(101, 'next', 1, true)
  run()
  expect(said.filter((line) => line.endsWith('begins')).length).toBe(MAX_OPEN_LISTINGS + 2)
  expect(said.at(-1)).toBe('next: result')
})

it('a job that fails is one error, and the others continue', () => {
  const { jobs, add, run, said } = start()
  jobs.add({
    id: 1,
    isListing: true,
    start: () => {
      throw new Error('it cannot begin')
    },
    onResult: () => said.push('a result'),
    onError: (error) => said.push(String(error)),
  })
  add(2, 'other', 2)
  run()
  expect(said).toContain('Error: it cannot begin')
  expect(said.at(-1)).toBe('other: result')
})
