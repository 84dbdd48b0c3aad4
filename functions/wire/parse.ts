import * as v from 'valibot'
import { toGrouped } from './grouped.ts'
import { skipString } from './json-text.ts'
import { MAX_JSON_VALUES, MAX_WRONG_LENGTH } from './limits.ts'
import { printable } from './printable.ts'

/** A value as its schema has it, or the first thing that is wrong with it. */
export type Parsed<T> = { readonly success: true; readonly output: T } | Wrong

/** What is wrong with a value. */
export interface Wrong {
  readonly success: false
  /** In words: `names[3] must be a string, got 5`. */
  readonly wrong: string
  /** The keys that lead to the wrong part, empty where it is the whole. */
  readonly path: readonly unknown[]
  /** The wrong part itself. */
  readonly got: unknown
}

/** The failure of a text that is no value to check. */
export function toWrongText(wrong: string): Wrong {
  return { success: false, wrong, path: [], got: undefined }
}

/**
 * Checks `value` against `schema`. Stops at the first wrong thing, so that a wrong value costs no more than a right one:
 * valibot otherwise makes an object of every wrong element. Every schema is run here, and nowhere else.
 */
export function parse<T extends v.GenericSchema>(schema: T, value: unknown): Parsed<v.InferOutput<T>> {
  const result = v.safeParse(schema, value, { abortEarly: true })
  if (result.success) return { success: true, output: result.output }
  const [issue] = result.issues
  const path = issue.path ?? []
  return {
    success: false,
    wrong: toWrong(issue),
    path: path.map(({ key }) => key),
    got: path.length === 0 ? value : path.at(-1)?.value,
  }
}

/** Whether `value` is as `schema` has it, without a transformation. */
export function isValid<T extends v.GenericSchema>(schema: T, value: unknown): value is v.InferInput<T> {
  return parse(schema, value).success
}

/**
 * Parses JSON and checks it against `schema`. A text with more values than `MAX_JSON_VALUES` is refused
 * before it is parsed: `{},` takes three bytes on the wire and a hundred in memory. The caller limits the length of `text`.
 */
export function parseJson<T extends v.GenericSchema>(schema: T, text: string): Parsed<v.InferOutput<T>> {
  if (hasMoreValues(text, MAX_JSON_VALUES)) {
    return toWrongText(`the JSON holds more than ${toGrouped(MAX_JSON_VALUES)} values`)
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return toWrongText('the text is not valid JSON')
  }
  return parse(schema, value)
}

const [QUOTE, COMMA, BRACE, BRACKET] = [0x22, 0x2c, 0x7b, 0x5b]

/** Whether a text of JSON holds more than `most` values: every value but the first follows a comma or opens what holds it. */
function hasMoreValues(text: string, most: number): boolean {
  if (text.length <= most) return false
  let values = 1
  for (let i = 0; i < text.length && values <= most; i++) {
    const code = text.charCodeAt(i)
    if (code === COMMA || code === BRACE || code === BRACKET) values++
    else if (code === QUOTE) i = skipString(text, i) - 1
  }
  return values > most
}

/** A schema of arrays of at most `most` items. The length is checked before any item. */
export function boundedArray<T extends v.GenericSchema>(item: T, most: number) {
  const limit = v.maxLength<v.InferOutput<T>[], number>(most)
  const schema = v.pipe(v.array(item), limit)
  const run: (typeof schema)['~run'] = (dataset, config) =>
    Array.isArray(dataset.value) && dataset.value.length > most
      ? limit['~run']({ typed: true, value: dataset.value }, config)
      : schema['~run'](dataset, config)
  return { ...schema, '~run': run }
}

/** What is wrong, and where: `entries[3].size must be a number, got "5"`. */
function toWrong(issue: v.BaseIssue<unknown>): string {
  const where = toWhere(issue.path ?? [])
  const got = toShort(issue.received)
  if (issue.received === 'undefined') return `${where} is missing`
  if (issue.type === 'max_length') {
    const most = `at most ${toGrouped(Number(issue.requirement))}`
    return typeof issue.input === 'string'
      ? `${where} takes ${most} characters, got ${toGrouped(Number(got))}`
      : `${where} takes ${most} items, got ${toGrouped(Number(got))}`
  }
  return `${where} must be ${toExpected(issue)}, got ${got}`
}

/** What the schema takes in that place, by its own words where it has some. */
function toExpected({ message, type, expected }: v.BaseIssue<unknown>): string {
  if (!message.startsWith('Invalid ')) return message
  if (type === 'union' && expected === 'Object') return 'an object of a known kind'
  return EXPECTED[expected ?? ''] ?? toShort(expected ?? 'valid')
}

const EXPECTED: Readonly<Record<string, string>> = {
  Array: 'an array',
  Object: 'an object',
  string: 'a string',
  number: 'a number',
  boolean: 'true or false',
}

function toWhere(path: readonly { readonly type: string; readonly key?: unknown }[]): string {
  const steps = path.map(({ type, key }) => (type === 'array' ? `[${key}]` : `.${key}`))
  return steps.length === 0 ? 'the whole' : toShort(steps.join('').replace(/^\./, ''))
}

/** In one line, and no longer than a sentence allows: what it quotes was chosen by others. */
function toShort(text: string): string {
  return printable(text.length > MAX_WRONG_LENGTH ? `${text.slice(0, MAX_WRONG_LENGTH)}…` : text)
}
