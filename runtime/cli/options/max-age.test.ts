import { describe, expect, it } from 'vitest'
import { createMemoryStorage } from '../../../functions/storage/memory.ts'
import type { Storage } from '../../../functions/storage/storage.ts'
import { AGE } from '../../hosting/flags.ts'
import { createStage, createStageWith, type Stage, startCoordinator, toReplicaFlags } from '../stage.suite.ts'

describe('--max-age', () => {
  it.each([
    ['0', 0],
    ['90', 90],
    ['90s', 90],
    ['5m', 300],
    ['2h', 7200],
    ['30d', 2_592_000],
    ['1w', 604_800],
    ['2147483647', 2 ** 31 - 1],
    ['2147483648', null],
    ['3551w', null],
    ['', null],
    ['-1', null],
    ['1.5h', null],
    ['h', null],
    ['1y', null],
    ['1 h', null],
    ['5M', null],
    ['yesterday', null],
    ['0x10', null],
  ])('parses %j as %j seconds, null if invalid', (text, seconds) => {
    expect(AGE.parse(text)).toBe(seconds)
  })
})

const DIRECTORIES = toReplicaFlags('a', 'b')

function createTrees(): Stage {
  return createStageWith({ 'a/f': 'content', 'b/f': 'content' })
}

describe.each(['get', 'check', 'plan', 'explain'])('vouch %s', (command) => {
  const operands = command === 'check' || command === 'plan' ? [] : ['f']

  it('refuses an invalid age, and names the valid ones', async () => {
    const stage = createTrees()
    for (const text of ['yesterday', '1.5h', '9999999999'])
      expect(await stage.run([command, ...operands, '--max-age', text, ...DIRECTORIES])).toEqual({
        status: 2,
        stdout: '',
        stderr: `vouch: --max-age takes a whole number of seconds, or a number with s, m, h, d or w behind it, such as 30d, up to 2,147,483,647 seconds, got '${text}'\n`,
      })
    const negative = await stage.run([command, ...operands, '--max-age=-1', ...DIRECTORIES])
    expect(negative).toMatchObject({ status: 2, stderr: expect.stringContaining("got '-1'") })
  })

  it('passes it on to every replica', async () => {
    const asked: (number | null | undefined)[] = []
    const note = (storage: Storage): Storage => ({
      ...storage,
      describe(names, options) {
        asked.push(options?.maxAge)
        return storage.describe(names, options)
      },
    })
    const flags = await startCoordinator({
      a: note(createMemoryStorage({ f: 'one', only: 'x' })),
      b: note(createMemoryStorage({ f: 'one' })),
    })
    const { status } = await createStage().run([command, ...operands, '--max-age', '1h', ...flags])
    expect([0, 1]).toContain(status)
    expect(asked.filter((maxAge) => maxAge === 3600).length).toBeGreaterThanOrEqual(2)
  })
})

it('vouch check --deep means --max-age 0, and is refused with another age', async () => {
  const stage = createTrees()
  for (const flags of [['--deep'], ['--max-age', '0'], ['--deep', '--max-age', '0']])
    expect(await stage.run(['check', ...flags, ...DIRECTORIES])).toMatchObject({
      status: 0,
      stderr: '1 name: 1 the same everywhere\nevidence: a, b: 1 read now\n',
    })
  expect(await stage.run(['check', '--deep', '--max-age', '5m', ...DIRECTORIES])).toMatchObject({
    status: 2,
    stderr: 'vouch: --deep means --max-age 0, got also --max-age 300s; leave one of them out\n',
  })
})

it('the JSON of check, explain and get shows how each copy is known', async () => {
  const stage = createTrees()
  const run = async (...args: string[]) =>
    (await stage.run([...args, '--max-age', '0', '--json', ...DIRECTORIES])).stdout
  const read = { evidence: 'read', age: 0 }
  const both = [
    { id: 'a', state: 'match', ...read },
    { id: 'b', state: 'match', ...read },
  ]
  expect(JSON.parse(await run('get', 'f'))).toMatchObject({ replicas: both })
  expect(JSON.parse(await run('explain', 'f'))).toMatchObject({ replicas: both })
  const [name, end] = (await run('check', '--all')).trim().split('\n')
  expect(JSON.parse(name ?? '')).toMatchObject({ name: 'f', replicas: both })
  const seen = { read: 1, remembered: 0, stored: 0, recorded: 0, oldest: 0 }
  expect(JSON.parse(end ?? '')).toMatchObject({ summary: { replicas: [{ seen }, { seen }] } })
})
