import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createCoordinator } from '../../../functions/coordinator/coordinator.ts'
import { createMemoryStorage } from '../../../functions/storage/memory.ts'
import { createHasher } from '../../node/hasher.ts'
import { createStageWith, hash, type Stage, startServer, toReplicaFlags } from '../stage.suite.ts'

/** What `check` prints of these directories. */
async function check(stage: Stage, args: readonly string[] = [], ids: readonly string[] = ['a', 'b']) {
  return (await stage.run(['check', ...args, ...toReplicaFlags(...ids)])).stdout
}

/** A folder that b lacks whole, one of which it has one file, and two that a lacks. */
function createTrees(): Stage {
  return createStageWith({
    ...{ 'a/photos/2019/1': '12', 'a/photos/2019/2': '123', 'a/photos/2019/raw/3': '1234' },
    ...{ 'a/photos/2020/1': 'x', 'a/photos/2020/2': 'xx', 'a/photos/2020/3': 'xxx' },
    ...{ 'b/photos/2020/2': 'xx', 'b/photos/one/file': 'y', 'b/notes/m': '1'.repeat(2048), 'b/notes/n': '' },
  })
}

const EVERY_NAME = [
  ...['- notes/m', '- notes/n', '+ photos/2019/1', '+ photos/2019/2', '+ photos/2019/raw/3'],
  ...['+ photos/2020/1', '+ photos/2020/3', '- photos/one/file', ''],
].join('\n')

it('a folder that is missing whole is one line, with the folders in it; one file in a folder is its name', async () => {
  expect(await check(createTrees())).toBe(
    [
      '- notes/  2 files, 2.0 KiB; missing on a',
      '+ photos/2019/  3 files, 9 B; missing on b',
      '+ photos/2020/1',
      '+ photos/2020/3',
      '- photos/one/file',
      '',
    ].join('\n'),
  )
})

it('--no-roll-up and --all print every name, with the marks of rclone', async () => {
  expect(await check(createTrees(), ['--no-roll-up'])).toBe(EVERY_NAME)
  expect(await check(createTrees(), ['--all', '--exclude', 'photos/2020/2'])).toBe(EVERY_NAME)
})

it('--json prints every name, and which folder is missing', async () => {
  const lines = (await check(createTrees(), ['--json'])).trimEnd().split('\n')
  const names = lines.slice(0, -1).map((line) => JSON.parse(line))
  const folders = names.map(({ name, replicas }) => [
    name,
    replicas[0].missingFolder ?? replicas[1].missingFolder,
  ])
  expect(folders).toEqual([
    ['notes/m', 'notes/'],
    ['notes/n', 'notes/'],
    ['photos/2019/1', 'photos/2019/'],
    ['photos/2019/2', 'photos/2019/'],
    ['photos/2019/raw/3', 'photos/2019/'],
    ['photos/2020/1', undefined],
    ['photos/2020/3', undefined],
    ['photos/one/file', 'photos/one/'],
  ])
})

it('a folder of which not all names were compared is not one line, or says so', async () => {
  expect(await check(createTrees(), ['photos/2019/r'])).toBe('+ photos/2019/raw/3\n')
  expect(await check(createTrees(), ['photos/2019'])).toBe('+ photos/2019/  3 files, 9 B; missing on b\n')
  expect(await check(createTrees(), ['photos/2020/', '--exclude', '2'])).toBe(
    '+ photos/2020/  2 matching files, 4 B; missing on b\n',
  )
})

it('of more than two replicas the line names those that lack the folder', async () => {
  const stage = createTrees()
  stage.write({ 'c/photos/2019/2': '123', 'c/notes/m': '1'.repeat(2048) })
  expect(await check(stage, ['--exclude', 'photos/2020/**'], ['a', 'b', 'c'])).toBe(
    [
      '- notes/n  b; missing on a; missing on c',
      '- notes/m  b = c; missing on a',
      '+ photos/2019/1  a; missing on b; missing on c',
      '+ photos/2019/2  a = c; missing on b',
      '+ photos/2019/raw/3  a; missing on b; missing on c',
      '- photos/one/file  b; missing on a; missing on c',
      '',
    ].join('\n'),
  )
  stage.write({ 'd/same': '' })
  expect(await check(stage, ['photos/'], ['a', 'd', 'b'])).toBe(
    [
      '+ photos/2019/  3 files, 9 B; missing on d, b',
      '+ photos/2020/1  a; missing on d; missing on b',
      '+ photos/2020/3  a; missing on d; missing on b',
      '+ photos/2020/2  a = b; missing on d',
      '- photos/one/file  b; missing on a; missing on d',
      '',
    ].join('\n'),
  )
})

it('a folder in which a file arrived during the audit is not called whole', async () => {
  const toLine = (name: string, missingFolder?: string) => ({
    ...{ name, agreement: 'incomplete' },
    versions: [{ size: 1, modified: null, digest: hash(name), replicas: ['a'], href: '/' }],
    replicas: [
      { id: 'a', state: 'match' },
      { id: 'b', state: 'missing', missingFolder },
    ],
  })
  const seen = { names: 3, bytes: 3, read: 3, remembered: 0, stored: 0, recorded: 0, oldest: null }
  const replicas = ['a', 'b'].map((id) => ({ id, state: 'ok', passed: [], seen, of: null }))
  const summary = { agreement: 'incomplete', names: 3, agreements: { incomplete: 3 }, rotten: 0, replicas }
  const lines = [toLine('d/1', 'd/'), toLine('d/2', 'd/'), toLine('d/3'), { summary }]
  const [flag = '', url = ''] = await startServer(
    () => new Response(lines.map((line) => `${JSON.stringify(line)}\n`).join('')),
  )
  const { stdout } = await createStageWith({}).run(['check', flag, url])
  expect(stdout).toBe('+ d/3\n+ d/  2 of its files, 2 B; missing on b\n')
})

it('no line claims more than is missing, and every missing name is in one', async () => {
  const name = fc
    .array(fc.constantFrom('a', 'b', 'b.', 'c'), { minLength: 1, maxLength: 4 })
    .map((parts) => [...parts, 'f'].join('/'))
  const tree = fc.uniqueArray(name, { maxLength: 12 })
  const stage = createStageWith({})
  let names: readonly (readonly string[])[] = []
  const flags = await startServer((request) => {
    const storages = names.map((held, i) => {
      const files = Object.fromEntries(held.map((one) => [one, one]))
      return { id: `r${i}`, storage: createMemoryStorage(files) }
    })
    return createCoordinator(storages, { createHasher }).fetch(request)
  })
  await fc.assert(
    fc.asyncProperty(fc.tuple(tree, tree), async (trees) => {
      names = trees
      const { stdout } = await stage.run(['check', ...flags])
      const counted = stdout
        .split('\n')
        .slice(0, -1)
        .map((line) => {
          const [, mark = '', place = '', count = '1'] = /^([+-]) (\S+)(?: {2}(\d+) files,.*)?$/.exec(
            line,
          ) ?? [line]
          const [holder, other] = mark === '+' ? trees : [trees[1], trees[0]]
          const isFolder = place.endsWith('/')
          expect(other?.filter((one) => (isFolder ? one.startsWith(place) : one === place))).toEqual([])
          const held = holder?.filter((one) => (isFolder ? one.startsWith(place) : one === place)) ?? []
          expect(held).toHaveLength(Number(count))
          return held.map((one) => `${mark}${one}`)
        })
      const [a, b] = trees
      const expected = [
        ...a.filter((one) => !b.includes(one)).map((one) => `+${one}`),
        ...b.filter((one) => !a.includes(one)).map((one) => `-${one}`),
      ]
      expect(counted.flat().sort()).toEqual(expected.sort())
    }),
    { numRuns: 40 },
  )
})
