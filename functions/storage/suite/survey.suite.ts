import { describe, expect } from 'vitest'
import { StorageError } from '../../wire/storage-error.ts'
import type { Facts } from '../facts.ts'
import { compareNames } from '../names.ts'
import type { Storage } from '../storage.ts'
import { readSurvey } from '../survey/read-survey.ts'
import {
  type Found,
  isCut,
  isWithin,
  type Progress,
  type Range,
  type Span,
  type Survey,
  type SurveyLine,
} from '../survey/survey.ts'
import { createTestHasher, hash, toBytes } from './set-up.suite.ts'
import {
  createFact,
  describeOne,
  type Setup,
  type StorageUnderTest,
  toListed,
  toOddNames,
} from './suite-tools.suite.ts'

/** Directories beside files that sort between them and their entries; no file is where a directory is. */
const NAMES: readonly string[] = [
  'B',
  'a',
  'a-b',
  'a.d/x',
  'a.txt',
  'aa/b',
  'd-/f',
  'd/-',
  'd/a/z',
  'd/a/zz',
  'd/a0',
  'd/b',
  'd0',
  'z',
  '\u00e9',
  '\ue000',
  '\uffee/x',
  '\u{10000}',
  '\u{1f600}/a',
]

const WHOLE: readonly Range[] = [{ after: '', until: null }]

/** Each a list of ranges: of some names, of none, that end at a name, before one and after all. */
const RANGES: readonly (readonly Range[])[] = [
  [{ after: '', until: 'a' }],
  [{ after: 'a', until: 'd/a' }],
  [{ after: 'd/', until: 'd/a0' }],
  [{ after: 'd/a', until: 'd/a/z' }],
  [{ after: 'd/a/zzz', until: 'd/a/zzzz' }],
  [{ after: '\uffff', until: '\u{10ffff}' }],
  [{ after: '\u{10ffff}', until: null }],
  [
    { after: '', until: '0' },
    { after: '0', until: 'a' },
    { after: 'a-', until: 'd/a/z' },
    { after: 'd/a/z', until: 'd/a/z0' },
    { after: 'z', until: null },
  ],
]

const EVERYTHING: Survey = { ranges: WHOLE, prefix: '', grain: 0, maxAge: null, match: [], exclude: [] }

/** The promises of `survey`, or of its default by `readSurvey`. */
export function describeSurvey(setup: Setup): void {
  const fact = createFact(setup)

  describe('survey', () => {
    fact('finds each file with the facts of describe, in byte order', async (under) => {
      await writeAll(under, NAMES)
      expect(await find(under.storage)).toEqual(await list(under.storage, NAMES))
    })

    fact('finds every odd name', async (under) => {
      await writeAll(under, toOddNames(under))
      expect(await find(under.storage)).toEqual(await list(under.storage, toListed(under, toOddNames(under))))
    })

    fact('returns the spans of these files, of any grain', async (under) => {
      await writeAll(under, [...NAMES, ...toOddNames(under).filter((name) => !name.startsWith('a/'))])
      const files = await find(under.storage)
      for (const grain of [1, 2, 3, 12, 30]) {
        expect(await readSpans(under.storage, { grain })).toEqual(await toSpans(files, grain))
      }
    })

    fact('returns one empty span for an empty store', async ({ storage }) => {
      expect(await find(storage)).toEqual([])
      const fingerprint = await hash(toBytes(''))
      expect(await readSpans(storage, { grain: 12 })).toEqual([
        { last: null, names: 0, bytes: 0, fingerprint },
      ])
    })

    fact('visits the given ranges, each of which ends a span', async (under) => {
      await writeAll(under, NAMES)
      const files = await find(under.storage)
      for (const ranges of RANGES) {
        const within = files.filter(({ name }) => isIn(name, ranges))
        expect(await find(under.storage, { ranges })).toEqual(within)
        for (const grain of [1, 12]) {
          expect(await readSpans(under.storage, { ranges, grain })).toEqual(
            await toSpans(within, grain, ranges),
          )
        }
      }
    })

    fact('visits only names with the prefix, in the ranges', async (under) => {
      await writeAll(under, NAMES)
      const files = await find(under.storage)
      for (const prefix of ['a', 'a.', 'd', 'd/', 'd/a', 'd/a/', 'd/a/z', 'x', '\ue000', '/', '..']) {
        for (const ranges of [WHOLE, [{ after: 'a', until: 'd/a/z' }]]) {
          const wanted = files.filter(({ name }) => name.startsWith(prefix) && isIn(name, ranges))
          expect(await find(under.storage, { prefix, ranges })).toEqual(wanted)
          const spans = await readSpans(under.storage, { prefix, ranges, grain: 1 })
          expect(spans).toEqual(await toSpans(wanted, 1, ranges))
        }
      }
    })

    fact('visits only names that match and are not excluded', async (under) => {
      await writeAll(under, NAMES)
      const files = await find(under.storage)
      const selection = { match: ['d/', 'a*', 'z'], exclude: ['*-*', 'd/*/zz'] }
      const names = ['a', 'a.txt', 'd/a/z', 'd/a0', 'd/b', 'z', '\u{1f600}/a']
      const wanted = files.filter(({ name }) => names.includes(name))
      expect(await find(under.storage, selection)).toEqual(wanted)
      expect(await readSpans(under.storage, { ...selection, grain: 1 })).toEqual(await toSpans(wanted, 1))
    })

    fact('returns the same when it reads every byte', async (under) => {
      await writeAll(under, NAMES)
      expect(await find(under.storage, { maxAge: 0 })).toEqual(await find(under.storage))
      const spans = await readSpans(under.storage, { grain: 2 })
      expect(await readSpans(under.storage, { grain: 2, maxAge: 0 })).toEqual(spans)
    })

    fact('reports how much it saw before it ends', async (under) => {
      await writeAll(under, NAMES)
      const bytes = NAMES.reduce((sum, name) => sum + toBytes(name).length, 0)
      for (const grain of [0, 12]) {
        const lines = await readLines(under.storage, { grain })
        const said = lines.filter((line) => 'seen' in line)
        expect(said.at(-1)?.seen).toMatchObject({ names: NAMES.length, bytes })
        // A caller with the last span has all, and does not wait for more.
        if (grain > 0) expect(lines.at(-1)).toHaveProperty('last', null)
      }
    })

    fact('reports how much it saw before the last line of a range that ends with a file', async (under) => {
      await writeAll(under, NAMES)
      const { length } = NAMES.filter((name) => isWithin(name, 'z'))
      for (const grain of [0, 12]) {
        const lines = await readLines(under.storage, { grain, ranges: [{ after: '', until: 'z' }] })
        const end = lines.findIndex(
          (line) => ('last' in line ? line.last : 'said' in line && line.name) === 'z',
        )
        const said = lines.slice(0, end).filter((line) => 'seen' in line)
        expect(said.at(-1)?.seen.names).toBe(length)
      }
    })

    fact(
      'reports a file that changes meanwhile as it was or as it is, and the others as they are',
      async (under) => {
        const names = Array.from({ length: 30 }, (_, i) => `f${String(i).padStart(2, '0')}`)
        await writeAll(under, names)
        const before = await find(under.storage)
        const found: Found[] = []
        for await (const line of survey(under.storage)) {
          if (!('said' in line)) continue
          if (found.length === 0) await change(under)
          found.push(line)
        }
        const after = await find(under.storage)
        for (const { name } of [...before, ...after]) {
          const said = [before, after].map((files) => toDigest(files, name))
          expect(said, name).toContain(toDigest(found, name))
        }
        expect(new Set(found.map(({ name }) => name)).size).toBe(found.length)
      },
    )

    fact('rejects when its signal is aborted already', async ({ storage, write }) => {
      await write('a', toBytes('a'))
      await expect(drain(survey(storage, {}, AbortSignal.abort()))).rejects.toThrow()
    })

    fact('ends when its signal is aborted, and the store keeps working', async (under) => {
      await writeAll(under, NAMES)
      const abort = new AbortController()
      const reason = new StorageError('unreachable', 'the client went away')
      const lines = survey(under.storage, { grain: 1 }, abort.signal)[Symbol.asyncIterator]()
      await lines.next()
      abort.abort(reason)
      // Lines received until then may still be yielded.
      const rest = drain({ [Symbol.asyncIterator]: () => lines })
      await rest.then(
        () => {},
        (error) => expect(error).toBe(reason),
      )
      expect(await find(under.storage)).toHaveLength(NAMES.length)
    })

    fact('may be closed before its end, and the store keeps working', async (under) => {
      await writeAll(under, NAMES)
      for await (const _ of survey(under.storage, { grain: 1 })) break
      for await (const _ of survey(under.storage, { maxAge: 0 })) break
      expect(await find(under.storage)).toHaveLength(NAMES.length)
    })

    fact('runs beside another survey', async (under) => {
      await writeAll(under, NAMES)
      const several = [{}, { grain: 1 }, { maxAge: 0 }, { prefix: 'd/' }]
      const alone: SurveyLine[][] = []
      for (const one of several) alone.push(await readNews(under.storage, one))
      expect(await Promise.all(several.map((one) => readNews(under.storage, one)))).toEqual(alone)
    })
  })
}

async function change({ write, remove }: StorageUnderTest): Promise<void> {
  await remove('f00')
  await remove('f11')
  await remove('f29')
  await write('f12', toBytes('changed'))
  await write('f28', toBytes('changed'))
  await write('f12a', toBytes('new'))
}

async function writeAll({ write }: Pick<StorageUnderTest, 'write'>, names: readonly string[]): Promise<void> {
  for (const name of names) await write(name, toBytes(name))
}

function survey(storage: Storage, survey: Partial<Survey> = {}, signal?: AbortSignal) {
  const options = { signal, createHasher: createTestHasher }
  return readSurvey(storage, { ...EVERYTHING, ...survey }, options)
}

async function drain<T>(lines: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const line of lines) all.push(line)
  return all
}

async function readLines(storage: Storage, one: Partial<Survey>): Promise<SurveyLine[]> {
  return await drain(survey(storage, one))
}

/** Without members that depend on the time. */
async function readNews(storage: Storage, one: Partial<Survey>): Promise<Exclude<SurveyLine, Progress>[]> {
  return (await readLines(storage, one)).flatMap((line) =>
    'seen' in line ? [] : 'said' in line ? toTimeless(line) : line,
  )
}

/** `evidence.suite.ts` looks at how a digest is known, of which two questions may get different answers. */
function toTimeless({ said, ...found }: Found): Found {
  return { ...found, said: 'digest' in said ? { ...said, evidence: 'read', age: 0 } : said }
}

async function find(storage: Storage, one: Partial<Survey> = {}): Promise<Found[]> {
  return (await readNews(storage, one)).filter((line) => 'said' in line)
}

async function readSpans(storage: Storage, one: Partial<Survey>): Promise<Span[]> {
  const lines = await readNews(storage, one)
  const spans = lines.filter((line) => 'last' in line)
  expect(lines).toHaveLength(spans.length)
  return spans
}

/** The facts of each name by `describe`, in byte order. */
async function list(storage: Storage, names: readonly string[]): Promise<Found[]> {
  const facts = new Map<string, Facts>()
  for (const name of [...names].sort(compareNames)) {
    const said = await describeOne(storage, name)
    if (said !== null) facts.set(name, said)
  }
  return [...facts].map(([name, said]) => toTimeless({ name, said }))
}

function isIn(name: string, ranges: readonly Range[]): boolean {
  return ranges.some(({ after, until }) => compareNames(name, after) > 0 && isWithin(name, until))
}

/** The spans of files that were all read: one to each cut, and to each range's end. */
async function toSpans(files: readonly Found[], grain: number, ranges = WHOLE): Promise<Span[]> {
  const cuts = files.map(({ name }) => name).filter((name) => isCut(name, grain))
  const untils = ranges.flatMap(({ until }) => until ?? [])
  const ends: (string | null)[] = [...new Set([...cuts, ...untils])].sort(compareNames)
  if (ranges.at(-1)?.until === null) ends.push(null)
  let rest = files
  const spans: Span[] = []
  for (const last of ends) {
    const held = rest.filter(({ name }) => isWithin(name, last))
    rest = rest.slice(held.length)
    spans.push(await toSpan(last, held))
  }
  return spans
}

async function toSpan(last: string | null, held: readonly Found[]): Promise<Span> {
  let [bytes, text] = [0, '']
  for (const { name, said } of held) {
    if (said instanceof StorageError) throw said
    bytes += said.size ?? 0
    text += `${said.digest} ${name}\0`
  }
  return { last, names: held.length, bytes, fingerprint: await hash(toBytes(text)) }
}

function toDigest(files: readonly Found[], name: string): string | null {
  const said = files.find((file) => file.name === name)?.said
  return said === undefined ? null : 'digest' in said ? said.digest : said.code
}
