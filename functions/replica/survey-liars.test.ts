import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { compareNames, parseName } from '../storage/names.ts'
import { createRemoteStorage, type Send } from '../storage/remote/remote.ts'
import { NOTHING_SEEN, type Survey, type SurveyLine } from '../storage/survey/survey.ts'
import { HEARTBEAT_MS, MAX_SPAN_NAMES } from '../wire/limits.ts'
import { PASSED_KINDS } from '../wire/passed.ts'
import { StorageError } from '../wire/storage-error.ts'

const EVERYTHING: Survey = {
  ranges: [{ after: '', until: null }],
  prefix: '',
  grain: 0,
  maxAge: null,
  match: [],
  exclude: [],
}
const TWO_RANGES = [
  { after: 'b', until: 'd' },
  { after: 'f', until: 'h' },
]
const digest = '0'.repeat(64)
const file = (name: string) => ({ name, size: 1, digest, modified: null, evidence: 'read', age: 0 })
const failed = (name: string) => ({
  name,
  error: { code: 'unreadable', reason: 'proxy_internal_error', detail: 'x' },
})
const span = (last: string | null) => ({ last, names: 1, bytes: 1, fingerprint: digest })
const seen = { seen: { ...NOTHING_SEEN, names: 1, bytes: 1 }, of: null }
const end = { end: true }

const COUNTING = { passed: true }
const passed = (count: number) => ({ passed: [{ kind: 'link', count, examples: ['a'] }] })

function remote(body: BodyInit | null, init?: ResponseInit) {
  const fetch: Send = async () => new Response(body, init)
  return createRemoteStorage('http://liar.invalid', { fetch })
}

function toText(lines: readonly unknown[]): string {
  return lines.map((line) => `${JSON.stringify(line)}\n`).join('')
}

/** The lines that a coordinator accepts before it ends or throws. */
async function read(storage: ReturnType<typeof remote>, survey: Partial<Survey> = {}): Promise<SurveyLine[]> {
  const lines: SurveyLine[] = []
  for await (const line of storage.survey?.({ ...EVERYTHING, ...survey }) ?? []) lines.push(line)
  return lines
}

async function expectRefused(lines: readonly unknown[], survey: Partial<Survey>): Promise<void> {
  await expect(read(remote(toText(lines)), survey)).rejects.toMatchObject({
    code: 'unreachable',
    reason: 'http_protocol_error',
  })
}

describe("a replica's invalid survey is refused", () => {
  it.each<[string, unknown[], Partial<Survey>]>([
    ['a file twice', [file('a'), file('a')], {}],
    ['files out of order', [file('b'), file('a')], {}],
    ['files in the order of UTF-16', [file('\u{10000}'), file('\uffff')], {}],
    ['an invalid name', [file('../a')], {}],
    ['a directory as a file', [file('a/')], {}],
    ['an error for an invalid name', [failed('a//')], {}],
    ['a file before the ranges', [file('a')], { ranges: TWO_RANGES }],
    ['the name that a range starts after', [file('b')], { ranges: TWO_RANGES }],
    ['a file between the ranges', [file('c'), file('e')], { ranges: TWO_RANGES }],
    ['a file after the ranges', [file('i')], { ranges: TWO_RANGES }],
    ['a file of an earlier range', [file('g'), file('c')], { ranges: TWO_RANGES }],
    ['a file without the prefix', [file('ab')], { prefix: 'a/' }],
    ['a directory outside the prefix', [failed('b/')], { prefix: 'a/' }],
    ['a directory out of order', [file('a/b'), failed('a/')], {}],
    ['a file that does not match', [file('a.jpg')], { match: ['*.txt'] }],
    ['a file that is excluded', [file('a.jpg')], { exclude: ['*.jpg'] }],
    ['a span among files', [span(null)], {}],
    ['a file among spans', [file('a')], { grain: 4 }],
    ['a span twice', [span('a'), span('a')], { grain: 4 }],
    ['spans out of order', [span('b'), span('a')], { grain: 4 }],
    [
      'a directory that a range starts in as the end of two spans',
      [span('a/'), span('a/')],
      { grain: 4, ranges: [{ after: 'a/b', until: null }] },
    ],
    ['a span after the last', [span(null), span(null)], { grain: 4 }],
    ['a span after all ranges', [span('d'), span('h'), span('i')], { grain: 4, ranges: TWO_RANGES }],
    ['a span over the end of a range', [span('g')], { grain: 4, ranges: TWO_RANGES }],
    ['a span over the end of all ranges', [span(null)], { grain: 4, ranges: TWO_RANGES }],
    ['a span before its range', [span('a')], { grain: 4, ranges: TWO_RANGES }],
    ['a span that ends at an invalid name', [span('..')], { grain: 4 }],
    ['a span that ends without the prefix', [span('b')], { grain: 4, prefix: 'a' }],
    ['a span that holds too many names', [{ ...span(null), names: MAX_SPAN_NAMES + 1 }], { grain: 4 }],
    ['an invalid size', [{ ...file('a'), size: -1 }], {}],
    ['an invalid digest', [{ ...file('a'), digest: 'x' }], {}],
    ['an invalid fingerprint', [{ ...span(null), fingerprint: 'x' }], { grain: 4 }],
    ['an invalid end', [{ end: false }], {}],
    ['no object', [1], {}],
    ['skipped entries that were not asked for', [passed(1)], {}],
    ['that nothing is wrong with a name', [{ passed: [{ kind: 'link', count: 0, examples: [] }] }], COUNTING],
    ['more kinds than there are between two files', Array(PASSED_KINDS.length + 2).fill(passed(1)), COUNTING],
    ['too many examples', [{ passed: [{ kind: 'link', count: 9, examples: Array(6).fill('a') }] }], COUNTING],
    [
      'too long an example',
      [{ passed: [{ kind: 'link', count: 1, examples: ['a'.repeat(401)] }] }],
      COUNTING,
    ],
    ['an answer to another question', [{ name: 'a', absent: true }], {}],
    ['a line of any length', [{ ...file('a'), more: 'a'.repeat(40_000) }], {}],
  ])('%s', async (_what, lines, survey) => {
    await expectRefused([...lines, end], survey)
  })

  it('except for an unknown kind of a later version, which counts as other', async () => {
    const lines = [{ passed: [{ kind: 'wormhole', count: 2, examples: [] }] }, { passed: [] }, end]
    const said = await read(remote(toText(lines)), COUNTING)
    expect(said).toEqual([{ passed: [{ kind: 'other', count: 2, examples: [] }] }, { passed: [] }])
  })

  it('at its first wrong line: earlier lines count', async () => {
    const text = toText([file('a'), file('b'), file('a'), end])
    const names: string[] = []
    const lines = remote(text).survey?.(EVERYTHING) ?? []
    await expect(
      (async () => {
        for await (const line of lines) if ('said' in line) names.push(line.name)
      })(),
    ).rejects.toThrow()
    expect(names).toEqual(['a', 'b'])
  })
})

describe("a replica's survey", () => {
  it.each<[string, unknown[], Partial<Survey>]>([
    ['files of several ranges', [file('c'), file('d'), seen, file('g')], { ranges: TWO_RANGES }],
    ['files of the second range alone', [file('h')], { ranges: TWO_RANGES }],
    [
      'spans that end at names and ranges',
      [span('c'), span('d'), seen, span('h')],
      { grain: 4, ranges: TWO_RANGES },
    ],
    ['a directory that cannot be read', [failed('a/'), file('a0'), failed('b')], {}],
    ['one that the prefix is in', [failed('a/')], { prefix: 'a/b/c' }],
    ['one that a range starts in', [failed('a/')], { ranges: [{ after: 'a/b', until: null }] }],
    ['a span that ends with one', [span('a/'), span(null)], { grain: 4 }],
    ['one that no glob matches', [failed('a/')], { match: ['*.txt'] }],
    ['nothing', [], {}],
  ])('is accepted with %s', async (_what, lines, survey) => {
    const said = await read(remote(toText([...lines, end])), survey)
    expect(said.map((line) => ('last' in line ? line.last : 'name' in line ? line.name : null))).toEqual(
      (lines as { last?: string; name?: string }[]).map(({ last, name }) => last ?? name ?? null), // as made above
    )
  })

  it.each([
    ['ends without an end line', toText([file('a')])],
    ['is empty', ''],
    ['breaks off within a line', `${toText([file('a')])}{"end":`],
    ['ends with an invalid line', `${toText([file('a')])}{"end":true}`],
  ])('that %s is not whole', async (_what, text) => {
    await expect(read(remote(text))).rejects.toMatchObject({
      code: 'unreachable',
      reason: 'http_response_incomplete',
    })
  })

  it('that reports why it broke off rejects with that error', async () => {
    const { error } = failed('a')
    const lines = [file('a'), { error }, file('b'), end]
    await expect(read(remote(toText(lines)))).rejects.toEqual(
      new StorageError('unreadable', 'x', { reason: 'proxy_internal_error' }),
    )
  })

  it.each([
    [404, 'no-such-resource'],
    [404, 'not-found'],
    [400, 'invalid-body'],
    [503, 'overloaded'],
  ])('that is refused with %i %s is unreachable', async (status, type) => {
    const problem = { type, title: 'x', status }
    const headers = { 'Content-Type': 'application/problem+json' }
    const refused = read(remote(JSON.stringify(problem), { status, headers }))
    await expect(refused).rejects.toMatchObject({ code: 'unreachable' })
  })
})

describe('a replica that continues after the end', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
  afterEach(() => void vi.useRealTimers())

  function createBody(pull: (controller: ReadableStreamDefaultController) => void) {
    const cancel = vi.fn()
    const start = (controller: ReadableStreamDefaultController) =>
      controller.enqueue(new TextEncoder().encode(toText([file('a'), end])))
    return { cancel, body: new ReadableStream({ start, pull, cancel }, { highWaterMark: 0 }) }
  }

  it('is cut off', async () => {
    const more = new TextEncoder().encode(toText([file('b')]))
    const { body, cancel } = createBody((controller) => controller.enqueue(more))
    expect(await read(remote(body))).toMatchObject([{ name: 'a' }])
    expect(cancel).toHaveBeenCalledOnce()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('is left when it falls silent and does not close', async () => {
    const { body, cancel } = createBody(() => {})
    const reading = read(remote(body))
    await vi.waitFor(() => expect(vi.getTimerCount()).toBe(1))
    await vi.advanceTimersByTimeAsync(HEARTBEAT_MS)
    expect(await reading).toMatchObject([{ name: 'a' }])
    expect(cancel).toHaveBeenCalledOnce()
  })
})

it('a survey that is closed before its end frees the connection', async () => {
  const cancel = vi.fn()
  const pull = (controller: ReadableStreamDefaultController) =>
    controller.enqueue(new TextEncoder().encode(toText([seen])))
  const body = new ReadableStream({ pull, cancel }, { highWaterMark: 0 })
  for await (const _ of remote(body).survey?.(EVERYTHING) ?? []) break
  await vi.waitFor(() => expect(cancel).toHaveBeenCalledOnce())
})

it('any answer to a survey is read in order and in the ranges, or as a StorageError', async () => {
  const name = fc.oneof(
    fc.constantFrom('a', 'b', 'c', 'd', 'g', 'h', 'g/', 'f/x'),
    fc.string({ maxLength: 3 }),
  )
  const lines = fc.array(
    fc.oneof(
      fc.jsonValue(),
      name.map(file),
      name.map(failed),
      fc.option(name).map(span),
      fc.constantFrom(seen, end, end, { error: failed('a').error }),
    ),
    { maxLength: 6 },
  )
  const status = fc.constantFrom(200, 200, 200, 200, 200, 204, 301, 401, 404, 500)
  const survey = fc.record({
    ranges: fc.constantFrom(EVERYTHING.ranges, TWO_RANGES),
    grain: fc.constantFrom(0, 0, 4),
    prefix: fc.constantFrom('', '', 'g'),
  })
  await fc.assert(
    fc.asyncProperty(lines, status, survey, async (lines, status, survey) => {
      const type = status === 200 ? 'application/x-ndjson' : 'application/problem+json'
      const body = status === 204 ? null : toText(lines)
      const storage = remote(body, { status, headers: { 'Content-Type': type } })
      const said = await read(storage, survey).catch((error) => {
        expect(error).toBeInstanceOf(StorageError)
        return []
      })
      const ends = said.flatMap((line) => ('last' in line ? line.last : 'said' in line ? line.name : []))
      expect(
        ends.every(
          (name, i) => i === 0 || compareNames(ends[i - 1] ?? '\u{10ffff}', name ?? '\u{10ffff}') < 0,
        ),
      ).toBe(true)
      if (survey.grain > 0) return
      const { ranges, prefix } = survey
      for (const name of ends.filter((name): name is string => parseName(name ?? '') !== null)) {
        const isIn = ranges.some(
          ({ after, until }) =>
            compareNames(name, after) > 0 && (until === null || compareNames(name, until) <= 0),
        )
        expect(isIn && name.startsWith(prefix)).toBe(true)
      }
    }),
    { numRuns: 5000 },
  )
})
