import { describe, expect, it, vi } from 'vitest'
import { StorageError } from '../../wire/storage-error.ts'
import type { ListOptions } from '../storage.ts'
import { toBytes } from '../suite/set-up.suite.ts'
import { expectTrouble, INVALID_NAMES } from '../suite/suite-tools.suite.ts'
import { readSurvey } from '../survey/read-survey.ts'
import type { Survey, SurveyLine } from '../survey/survey.ts'
import { parseAlgorithm } from './algorithms.ts'
import { toRecordNotes } from './list-record.ts'
import { createListStorage, type ListVersion } from './list-storage.ts'
import { ask, createRecording, createStorage } from './lists.suite.ts'

vi.mock('../../wire/limits.ts', async (load) => ({
  ...(await load<object>()),
  MAX_LIST_PASSED_BYTES: 3000,
}))

const [A, B] = ['a'.repeat(64), 'b'.repeat(64)] as const

function toText(names: readonly string[], digest = A): string {
  return names.map((name) => `${digest}  ${name}\n`).join('')
}

/** A list that can be changed, and how often it was read whole. */
function createChanging(text: string | null) {
  let [version, reads] = [1, 0]
  let current = text
  const storage = createRecording({
    async read(known): Promise<ListVersion | null> {
      if (current === null) throw new StorageError('unreachable', 'the list is gone')
      if (known === String(version)) return null
      reads++
      return {
        name: 'SHA256SUMS',
        bytes: toBytes(current),
        version: String(version),
        modified: 1000 * version,
      }
    },
  })
  const change = (text: string | null) => {
    current = text
    version++
  }
  return { storage, change, getReads: () => reads }
}

const WHOLE: Survey = {
  ...{ ranges: [{ after: '', until: null }], prefix: '', grain: 0, maxAge: null },
  ...{ match: [], exclude: [], passed: true },
}

it.each([
  [null, null],
  [Date.now() + 60_000, null],
  [Date.now() - 3_600_500, 3600],
])(
  'a recorded digest has no size and no time where the list has none, and the age of the list',
  async (modified, age) => {
    const list = { name: 'SHA256SUMS', bytes: toBytes(toText(['a'])), version: '1', modified }
    const storage = createRecording({ read: async (known) => (known === null ? list : null) })
    const said = await storage.describe(['a'])[0]
    expect(said).toMatchObject({ digest: A, size: null, modified: null, evidence: 'recorded' })
    // A busy machine takes a while for this.
    if (age === null) expect(said?.age).toBeNull()
    else expect(said?.age).toBeGreaterThanOrEqual(age)
  },
)

it('a list is read once, and again when it has changed', async () => {
  const { storage, change, getReads } = createChanging(toText(['a']))
  for (let i = 0; i < 3; i++) expect(await ask(storage, ['a', 'b'])).toEqual([A, null])
  await Promise.all([storage.list(), ask(storage, ['a']), storage.readRecord()])
  expect(getReads()).toBe(1)
  change(toText(['b'], B))
  expect(await ask(storage, ['a', 'b'])).toEqual([null, B])
  expect(await storage.readRecord()).toMatchObject({ modified: 2000, names: 1, format: 'sums' })
})

it('a list beside others is the same, and read once', async () => {
  let reads = 0
  const list = createListStorage({
    async read(known) {
      if (known !== null) return null
      reads++
      return { name: 'SHA256SUMS', bytes: toBytes(toText(['a'])), version: '1', modified: null }
    },
  })
  const beside = list.beside({ storages: [], describeSums: () => [] })
  expect([await ask(list, ['a']), await ask(beside, ['a']), reads]).toEqual([[A], [A], 1])
})

it('a list that is gone is unreachable, and one that is refused unreadable, until it is there again', async () => {
  const { storage, change } = createChanging(toText(['a']))
  await storage.list()
  change(null)
  for (const answer of [
    storage.describe(['a'])[0],
    storage.describe(['b'])[0],
    storage.list(),
    storage.open('a'),
  ])
    await expectTrouble(answer, 'unreachable')
  change('no list')
  await expectTrouble(storage.describe(['b'])[0], 'unreadable')
  await expectTrouble(storage.list(), 'unreadable')
  change(toText(['b']))
  expect(await ask(storage, ['a', 'b'])).toEqual([null, A])
})

it('a list is never opened, and answers as ever when bytes are to be read', async () => {
  const storage = createStorage({ name: 'SHA256SUMS', bytes: toText(['a']) })
  expect(storage.isRecord).toBe(true)
  await expect(storage.open('a')).rejects.toThrow('a list of sums keeps no bytes')
  expect(await storage.open('b')).toBeNull()
  for (const maxAge of [0, 3600]) {
    expect(await storage.describe(['a'], { maxAge })[0]).toMatchObject({ digest: A, evidence: 'recorded' })
    expect(await storage.describe(['b'], { maxAge })[0]).toBeNull()
  }
})

it('a name that is not valid is refused, also when the list cannot be read', async () => {
  const { storage, change } = createChanging(toText(['a']))
  for (const name of INVALID_NAMES) {
    await expectTrouble(storage.describe([name])[0], 'invalid-name')
    await expectTrouble(storage.open(name), 'invalid-name')
  }
  change(null)
  await expectTrouble(storage.describe(['..'])[0], 'invalid-name')
  expect(storage.describe([])).toEqual([])
})

it('an aborted question ends at once, even if the list never comes', async () => {
  const storage = createRecording({ read: () => new Promise(() => {}) })
  const abort = new AbortController()
  const answers = [
    storage.describe(['a'], { signal: abort.signal })[0],
    storage.list({ signal: abort.signal }),
  ]
  abort.abort(new StorageError('unreachable', 'late'))
  for (const answer of answers) await expect(answer).rejects.toThrow('late')
  await expect(storage.list({ signal: abort.signal })).rejects.toThrow('late')
})

describe('a listing', () => {
  const names = ['a', 'a/b', 'a0', 'é', '\ue000', '\u{1f600}']
  const text = toText([...names].reverse().concat('../x', '.vouch/x', 'b/c/'))
  const storage = createStorage({ name: 'SHA256SUMS', bytes: `${text}rest\n` })

  it.each([1, 2, 4, 1000])(
    'is in byte order, and counts what it passes once, in pages of %i',
    async (limit) => {
      const found: string[] = []
      const counts: Record<string, number> = {}
      for (let after: string | null = ''; after !== null; ) {
        const {
          entries,
          next,
          passed = [],
        }: Awaited<ReturnType<typeof storage.list>> = await storage.list({ after, limit })
        found.push(...entries.map(({ name }) => name))
        for (const { kind, count } of passed) counts[kind] = (counts[kind] ?? 0) + count
        after = next
      }
      expect(found).toEqual(names)
      expect(counts).toEqual({ other: 1, 'dot-segment': 1, 'empty-segment': 1 })
    },
  )

  it.each([1, 2, 1000])('counts each entry that is no file once, in pages of %i', async (limit) => {
    const link = (name: string) => `./${name} type=link\n`
    const file = (name: string) => `./${name} type=file sha256=${A}\n`
    const bytes = `#mtree\n${link('y')}${file('x')}${link('w')}${file('b')}${link('c')}${link('a')}${file('z')}`
    const links = createStorage({ name: 'spec', bytes })
    const examples: string[] = []
    let count = 0
    for (let after: string | null = ''; after !== null; ) {
      const page: Awaited<ReturnType<typeof links.list>> = await links.list({ after, limit })
      for (const passed of page.passed ?? []) {
        count += passed.count
        examples.push(...passed.examples)
      }
      after = page.next
    }
    expect([count, examples]).toEqual([4, ['a', 'c', 'w', 'y']])
    const examplesOf = async (options: ListOptions) => (await links.list(options)).passed?.[0]?.examples
    expect(await examplesOf({ after: 'b' })).toEqual(['c', 'w', 'y'])
    expect(await examplesOf({ after: 'b', prefix: 'w' })).toEqual(['w'])
    expect(await examplesOf({ prefix: 'd' })).toBeUndefined()
  })

  it('counts entries that are no files also where their names would take too much memory', async () => {
    const links = Array.from({ length: 20 }, (_, i) => `./${'x'.repeat(100)}${i} type=link\n`)
    const storage = createStorage({
      name: 'spec',
      bytes: `#mtree\n${links.join('')}./a type=file sha256=${A}\n`,
    })
    const { passed } = await storage.list()
    expect(passed).toMatchObject([{ kind: 'link', count: 20 }])
    expect(passed?.[0]?.examples).toHaveLength(5)
  })

  it('has only names with the prefix, after the name', async () => {
    const list = async (prefix: string, after?: string) =>
      (await storage.list({ prefix, after })).entries.map(({ name }) => name)
    expect(await list('a')).toEqual(['a', 'a/b', 'a0'])
    expect(await list('a', 'a')).toEqual(['a/b', 'a0'])
    expect(await list('a/', 'a0')).toEqual([])
    expect(await list('a/', '\u{1f600}')).toEqual([])
    expect(await list('\u{1f600}', 'a')).toEqual(['\u{1f600}'])
    const { passed } = await storage.list({ prefix: 'b', isCounted: () => false })
    expect(passed?.map(({ kind }) => kind)).toEqual(['other'])
  })
})

it.each([0, 1, 12])(
  'a survey with a grain of %i reports all names, and what is not understood',
  async (grain) => {
    const storage = createStorage({
      name: 'SHA256SUMS',
      bytes: `rest\n${toText(['a', 'b'])}${toText(['c'], B)}${toText(['c'])}`,
    })
    const lines: SurveyLine[] = []
    for await (const line of readSurvey(storage, { ...WHOLE, grain })) lines.push(line)
    const found = lines.flatMap((line) => ('said' in line ? [[line.name, 'digest' in line.said]] : []))
    if (grain === 0)
      expect(found).toEqual([
        ['a', true],
        ['b', true],
        ['c', false],
      ])
    const spans = lines.flatMap((line) => ('last' in line ? [line] : []))
    if (grain > 0) expect(spans.reduce((sum, { names }) => sum + names, 0)).toBe(3)
    expect(lines.flatMap((line) => ('passed' in line ? line.passed : [])).map(({ kind }) => kind)).toEqual([
      'other',
    ])
    expect(lines.flatMap((line) => ('seen' in line ? [line.seen] : [])).at(-1)).toMatchObject({
      names: 3,
      recorded: 2,
    })
  },
)

it('the notes say what people should know before they believe a list', async () => {
  const md5 = parseAlgorithm('md5') ?? undefined
  const text = `${'d'.repeat(32)}  p/a\n${'d'.repeat(32)}  b\nrest\n`
  const record = await createStorage(
    { name: 'list', bytes: text },
    { algorithm: md5, root: 'p' },
  ).readRecord()
  expect(toRecordNotes(record)).toEqual([
    'MD5 finds accidents, not intent: two contents of one MD5 can be made',
    '1 name of the list lies outside the root, beside 1',
    "line 3 of the list is 'rest'; it would have to be 'SUM  NAME' or 'ALGORITHM (NAME) = SUM'",
  ])
  const fine = await createStorage({ name: 'SHA256SUMS', bytes: toText(['a']) }).readRecord()
  expect(toRecordNotes(fine)).toEqual([])
})
