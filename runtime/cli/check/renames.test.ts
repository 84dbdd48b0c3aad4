import { describe, expect, it, vi } from 'vitest'
import { createMemoryStorage } from '../../../functions/storage/memory.ts'
import { createStage, type Files, type Ran, startCoordinator } from '../stage.suite.ts'

vi.mock('../../../functions/wire/limits.ts', async (load) => ({
  ...(await load<typeof import('../../../functions/wire/limits.ts')>()),
  MAX_MISSING_HELD: 1200,
}))

/** Checks replicas with these files each, whose ids are r1 and so on. */
async function check(trees: readonly Files[], ...args: readonly string[]): Promise<Ran> {
  const storages = trees.map((files, i) => [`r${i + 1}`, createMemoryStorage({ same: 'same', ...files })])
  return await createStage().run([
    'check',
    ...args,
    ...(await startCoordinator(Object.fromEntries(storages))),
  ])
}

/** The contents of many files, by name below `folder`. */
function createFolder(folder: string, count: number): Record<string, string> {
  const names = Array.from({ length: count }, (_, i) => `${folder}${i % 3 === 0 ? 'deep/' : ''}${i}`)
  return Object.fromEntries(names.map((name, i) => [name, `text ${i}`]))
}

describe('a file that has another name on one of two replicas', () => {
  it('is one line, and a difference', async () => {
    const { status, stdout, stderr } = await check([{ 'd/old': 'x' }, { new: 'x' }])
    expect([status, stdout]).toEqual([1, 'R d/old -> new  renamed on r2\n'])
    expect(stderr).toContain('3 names: 1 the same everywhere, 2 names of 1 renamed file\nr2: 1 renamed\n')
    expect(stderr).toContain("'vouch plan --moves' plans to rename these files on the other replicas too\n")
  })

  it('is two names for --no-roll-up', async () => {
    const { status, stdout } = await check([{ old: 'x' }, { new: 'x' }], '--no-roll-up')
    expect([status, stdout]).toEqual([1, '- new\n+ old\n'])
  })

  it('is a line of its own for programs, before the summary', async () => {
    const { stdout } = await check([{ old: 'x' }, { new: 'x' }], '--json')
    const lines = stdout.trimEnd().split('\n')
    const parsed = lines.map((line) => JSON.parse(line))
    expect(parsed.slice(0, 2).map(({ name }) => name)).toEqual(['new', 'old'])
    const { digest, size } = parsed[0].versions[0]
    expect(parsed[2]).toEqual({ renamed: { from: 'old', to: 'new', on: ['r2'], digest, size } })
    expect(Object.keys(parsed[3])).toEqual(['summary'])
  })

  it.each<[string, Files, Files, string]>([
    ['has another content too', { old: 'x' }, { new: 'y' }, '- new\n+ old\n'],
    ['still has its old name there', { old: 'x' }, { old: 'x', new: 'x' }, '- new\n'],
    ['is empty', { old: '' }, { new: '' }, '- new\n+ old\n'],
    ['is empty, and was only moved', { 'a/f': '' }, { 'b/f': '' }, 'R a/f -> b/f  renamed on r2\n'],
    [
      'has copies of which each was renamed',
      { 'a/1': 'x', 'a/2': 'x', 'a/d/1': 'x' },
      { 'b/d/1': 'x', 'c/2': 'x', 'c/3': 'x' },
      'R a/1 -> c/3  renamed on r2\nR a/2 -> c/2  renamed on r2\nR a/d/1 -> b/d/1  renamed on r2\n',
    ],
  ])('and %s', async (_what, first, second, expected) => {
    expect((await check([first, second])).stdout).toBe(expected)
  })
})

describe('a folder that has another name on one of two replicas', () => {
  it('is one line for 500 files', async () => {
    const { stdout, stderr } = await check([createFolder('a/old/', 500), createFolder('new/', 500)])
    expect(stdout).toBe('R a/old/ -> new/  500 files, 3.8 KiB; renamed on r2\n')
    expect(stderr).toContain('1,001 names: 1 the same everywhere, 1,000 names of 500 renamed files\n')
  })

  it.each([
    ['a/xold/', 'a/yold/', 'R a/xold/ -> a/yold/  3 files, 18 B; renamed on r2\n'],
    ['a/photos/', 'b/photos/', 'R a/ -> b/  3 files, 18 B; renamed on r2\n'],
    ['a/', 'b/a/', 'R a/ -> b/a/  3 files, 18 B; renamed on r2\n'],
    ['a/', '', 'R a/ -> ./  3 files, 18 B; renamed on r2\n'],
  ])('from %s to %s is named as far as its names differ', async (from, to, expected) => {
    expect((await check([createFolder(from, 3), createFolder(to, 3)])).stdout).toBe(expected)
  })

  it('is a line beside those of the files in it that changed', async () => {
    const [first, second] = [createFolder('old/', 4), createFolder('new/', 4)]
    const { stdout } = await check([first, { ...second, 'new/2': 'changed' }])
    expect(stdout).toBe('- new/2\nR old/ -> new/  3 files, 18 B; renamed on r2\n+ old/2\n')
  })

  it('is a line for each file when some remained in it', async () => {
    const second = { 'new/1': 'text 1', 'new/2': 'text 2', 'old/kept': '' }
    const { stdout } = await check([{ 'old/1': 'text 1', 'old/2': 'text 2', 'old/kept': '' }, second])
    expect(stdout).toBe('R old/1 -> new/1  renamed on r2\nR old/2 -> new/2  renamed on r2\n')
  })
})

describe('of three replicas', () => {
  it('the one with another name than the others is the one that renamed', async () => {
    const { stdout } = await check([{ new: 'x' }, { old: 'x' }, { old: 'x' }])
    expect(stdout).toBe('R old -> new  renamed on r1\n')
  })

  it('none renamed a file that one of them lacks, or has twice', async () => {
    expect((await check([{ old: 'x' }, { new: 'x' }, {}])).stdout).toMatch(/^- new .*\n\+ old .*\n$/)
    const twice = await check([{ old: 'x' }, { new: 'x' }, { old: 'x', new: 'x' }])
    expect(twice.stdout).toMatch(/^- new .*\n\+ old .*\n$/)
  })
})

it('of more names than are held the rest is missing, and standard error says so', async () => {
  const { status, stdout, stderr } = await check([createFolder('old/', 700), createFolder('new/', 700)])
  expect(status).toBe(1)
  expect(stdout).toMatch(
    /^- new\/ {2}200 files, .*\nR old\/ -> new\/ {2}500 files, .*\n\+ old\/ {2}200 files, .*\n$/,
  )
  expect(stderr).toContain('only the first 1,200 names that are missing somewhere were compared')
})
