import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { MAX_JSON_VALUES, MAX_NAMES_PER_DESCRIBE } from '../limits.ts'
import { planRequest } from '../schemas/plan.ts'
import { describeLine, describeRequest, listing, restoreRequest } from '../schemas/replica.ts'
import { boundedArray, parse, parseJson } from './parse.ts'

const WRONG_ELEMENTS = 1_000_000

/** A schema of anything, and how many values it was run on. */
function createCounted() {
  let runs = 0
  const schema = v.custom<string>((value) => {
    runs++
    return typeof value === 'string'
  })
  return { schema, runs: () => runs }
}

describe('a value of many wrong elements', () => {
  it('is checked until the first of them', () => {
    const { schema, runs } = createCounted()
    const wrong = Array.from({ length: WRONG_ELEMENTS }, () => 5)
    expect(parse(v.array(schema), wrong)).toMatchObject({ success: false, path: [0], got: 5 })
    expect(runs()).toBe(1)
  })

  it('that are too many is refused before any of them is checked', () => {
    const { schema, runs } = createCounted()
    const right = Array.from({ length: MAX_NAMES_PER_DESCRIBE + 1 }, () => 'f')
    expect(parse(boundedArray(schema, MAX_NAMES_PER_DESCRIBE), right)).toMatchObject({
      success: false,
      wrong: 'the whole takes at most 1,024 items, got 1,025',
    })
    expect(runs()).toBe(0)
  })

  it('is checked to its end when nothing is wrong', () => {
    const { schema, runs } = createCounted()
    const right = Array.from({ length: MAX_NAMES_PER_DESCRIBE }, () => 'f')
    expect(parse(boundedArray(schema, MAX_NAMES_PER_DESCRIBE), right)).toEqual({
      success: true,
      output: right,
    })
    expect(runs()).toBe(MAX_NAMES_PER_DESCRIBE)
  })
})

it.each([
  [describeRequest, '{"names": ["a", 5]}', 'names[1] must be a string, got 5'],
  [describeRequest, '{"names": {}}', 'names must be an array, got Object'],
  [describeRequest, '{}', 'names is missing'],
  [describeRequest, '[]', 'names is missing'],
  [describeRequest, '7', 'the whole must be an object, got 7'],
  [describeRequest, '{"names": [', 'the text is not valid JSON'],
  [describeRequest, `{"names": ["${'a","'.repeat(2000)}"]}`, 'names takes at most 1,024 items, got 2,001'],
  [
    planRequest,
    '{"prefix": "", "match": ["a\\u0007"], "exclude": [3]}',
    'exclude[0] must be a string, got 3',
  ],
  [
    planRequest,
    `{"prefix": "", "match": ["${'a'.repeat(257)}"]}`,
    'match[0] takes at most 256 characters, got 257',
  ],
  [
    restoreRequest,
    '{"name": "a", "digest": "\\u001b[2J"}',
    'digest must be a SHA-256 in lower-case hexadecimal, got "\\u{1b}[2J"',
  ],
  [listing, '{"entries": [{"name": "a", "size": -1}], "next": null}', 'entries[0].size must be >=0, got -1'],
  [describeLine, '{"name": "a"}', 'the whole must be an object of a known kind, got Object'],
])('a refusal names the first fault of a text, and its place %#', (schema: v.GenericSchema, text, wrong) => {
  expect(parseJson(schema, text)).toMatchObject({ success: false, wrong })
})

it('a refusal quotes a value in one short line', () => {
  const read = parseJson(restoreRequest, JSON.stringify({ name: 'a', digest: 'x\n'.repeat(1_000_000) }))
  expect(read.success ? '' : read.wrong).toMatch(/^digest must be [^\n]{1,600}…$/)
})

describe('a text of JSON', () => {
  const toArray = (count: number, item: string) => `[${Array.from({ length: count }, () => item).join(',')}]`

  it.each([
    ['objects', toArray(MAX_JSON_VALUES, '{}')],
    ['arrays in arrays', '['.repeat(MAX_JSON_VALUES + 1) + ']'.repeat(MAX_JSON_VALUES + 1)],
    ['numbers', toArray(MAX_JSON_VALUES + 1, '1')],
    ['keys', `{${Array.from({ length: MAX_JSON_VALUES + 1 }, (_, i) => `"k${i}":1`).join(',')}}`],
  ])('with more %s than any answer needs is refused before parsing', (_, text) => {
    expect(parseJson(v.any(), text)).toMatchObject({
      success: false,
      wrong: 'the JSON holds more than 65,536 values',
    })
  })

  it('may contain JSON syntax in its strings', () => {
    const text = `["${',{[\\"\\\\'.repeat(MAX_JSON_VALUES)}", "b"]`
    expect(parseJson(v.array(v.string()), text)).toMatchObject({ success: true, output: { length: 2 } })
  })

  it.each(['__proto__', 'constructor', 'prototype'])('gives %s no special meaning', (key) => {
    const read = parseJson(describeRequest, `{"${key}": {"names": ["a"]}, "names": []}`)
    expect(read).toEqual({ success: true, output: { names: [] } })
    expect(parseJson(describeRequest, `{"${key}": {"names": ["a"]}}`).success).toBe(false)
    expect({}).not.toHaveProperty('names')
  })
})
