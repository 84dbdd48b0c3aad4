import * as v from 'valibot'
import { MAX_JSON_VALUES, MAX_WRONG_LENGTH } from '../limits.ts'
import { escapeControls, formatNumber } from '../text.ts'

/** A valid value, or the first thing that is wrong with it. */
export type Parsed<T> = { readonly success: true; readonly output: T } | Wrong

export interface Wrong {
  readonly success: false
  /** In words: `names[3] must be a string, got 5`. */
  readonly wrong: string
  /** The keys that lead to the wrong part; empty when it is the whole. */
  readonly path: readonly unknown[]
  /** The wrong part itself. */
  readonly got: unknown
}

/** A failure before there is a value to check. */
export function toWrongText(wrong: string): Wrong {
  return { success: false, wrong, path: [], got: undefined }
}

/**
 * Checks `value` against `schema`, up to the first error: valibot otherwise creates an object for every
 * invalid element, which costs more than a valid one. Every schema is run here, and nowhere else.
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

/** Whether `value` is valid by `schema`, which must not transform it. */
export function isValid<T extends v.GenericSchema>(schema: T, value: unknown): value is v.InferInput<T> {
  return parse(schema, value).success
}

/**
 * Parses JSON and checks it against `schema`. More than `MAX_JSON_VALUES` values are refused unparsed: `{},`
 * takes three bytes on the wire and a hundred in memory. The caller limits the length of `text`.
 */
export function parseJson<T extends v.GenericSchema>(schema: T, text: string): Parsed<v.InferOutput<T>> {
  if (hasMoreValues(text, MAX_JSON_VALUES)) {
    return toWrongText(`the JSON holds more than ${formatNumber(MAX_JSON_VALUES)} values`)
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

/** Whether JSON has more than `most` values: each but the first follows a comma or an opening bracket. */
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

/** A schema for arrays of at most `most` items. The length is checked before any item. */
export function boundedArray<T extends v.GenericSchema>(item: T, most: number) {
  const limit = v.maxLength<v.InferOutput<T>[], number>(most)
  const schema = v.pipe(v.array(item), limit)
  const run: (typeof schema)['~run'] = (dataset, config) =>
    Array.isArray(dataset.value) && dataset.value.length > most
      ? limit['~run']({ typed: true, value: dataset.value }, config)
      : schema['~run'](dataset, config)
  return { ...schema, '~run': run }
}

/** The error with its place: `entries[3].size must be a number, got "5"`. */
function toWrong(issue: v.BaseIssue<unknown>): string {
  const where = toWhere(issue.path ?? [])
  const got = toShort(issue.received)
  if (issue.received === 'undefined') return `${where} is missing`
  if (issue.type === 'max_length') {
    const most = `at most ${formatNumber(Number(issue.requirement))}`
    return typeof issue.input === 'string'
      ? `${where} takes ${most} characters, got ${formatNumber(Number(got))}`
      : `${where} takes ${most} items, got ${formatNumber(Number(got))}`
  }
  return `${where} must be ${toExpected(issue)}, got ${got}`
}

/** What the schema expects there, in its own words if it has some. */
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

/** Quotes untrusted text, shortened and in one line. */
function toShort(text: string): string {
  return escapeControls(text.length > MAX_WRONG_LENGTH ? `${text.slice(0, MAX_WRONG_LENGTH)}…` : text)
}

/** The index after the string that begins at `start`; the end of the text when the string does not end. */
export function skipString(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    let before = at - 1
    while (text[before] === '\\') before--
    if ((at - before) % 2 === 1) return at + 1
  }
  return text.length
}

/** The index of the next character that is not white space in JSON. */
export function skipSpace(text: string, start: number): number {
  let at = start
  while (at < text.length && ' \t\r\n'.includes(text.charAt(at))) at++
  return at
}
