import type * as v from 'valibot'
import { toGrouped } from './grouped.ts'
import { skipSpace, skipString } from './json-text.ts'
import { ITEMS_IN_A_TURN } from './limits.ts'
import { type Parsed, parseJson, toWrongText, type Wrong } from './parse.ts'

/** What an array of JSON may hold. */
export interface ItemLimits {
  readonly items: number
  /** Characters of one item. */
  readonly length: number
}

/**
 * The array that the whole of `text` is, each item as `schema` has it. Each item is parsed by itself, and the first
 * wrong one is the last that is looked at, so that a long text of wrong items costs no more than a short one. Other work
 * gets its turn now and then. The caller limits the length of `text`.
 */
export async function parseJsonItems<T extends v.GenericSchema>(
  schema: T,
  text: string,
  limits: ItemLimits,
): Promise<Parsed<v.InferOutput<T>[]>> {
  const start = skipSpace(text, 0)
  const read = await readItems(schema, text, start, { ...limits, where: '' })
  if (!read.success) return read
  return skipSpace(text, read.end) === text.length ? { success: true, output: read.items } : NOT_JSON
}

/**
 * The object that `text` is, as `schema` has it, where its member `key` is such an array: `schema` gets it empty, and
 * the result holds its items.
 */
export async function parseJsonWithItems<
  T extends v.GenericSchema<unknown, object>,
  I extends v.GenericSchema,
>(
  schema: T,
  key: string,
  item: I,
  text: string,
  limits: ItemLimits,
): Promise<Parsed<{ whole: v.InferOutput<T>; items: v.InferOutput<I>[] }>> {
  const start = findMember(text, key)
  if (start < 0) return parseWithout(schema, text, [])
  const read = await readItems(item, text, start, { ...limits, where: key })
  if (!read.success) return read
  return parseWithout(schema, `${text.slice(0, start)}[]${text.slice(read.end)}`, read.items)
}

function parseWithout<T extends v.GenericSchema, I>(
  schema: T,
  text: string,
  items: I[],
): Parsed<{ whole: v.InferOutput<T>; items: I[] }> {
  const read = parseJson(schema, text)
  return read.success ? { success: true, output: { whole: read.output, items } } : read
}

const NOT_JSON = toWrongText('the text is not valid JSON')

/** The items of the array that begins at `start`, and where the text goes on behind it. */
async function readItems<T extends v.GenericSchema>(
  schema: T,
  text: string,
  start: number,
  { items: most, length, where }: ItemLimits & { readonly where: string },
): Promise<{ readonly success: true; readonly items: v.InferOutput<T>[]; readonly end: number } | Wrong> {
  const name = where === '' ? 'the whole' : where
  if (text[start] !== '[') return toWrongText(`${name} must be an array`)
  const items: v.InferOutput<T>[] = []
  const first = skipSpace(text, start + 1)
  if (text[first] === ']') return { success: true, items, end: first + 1 }
  for (let at = start + 1; ; ) {
    const end = findEnd(text, at, length)
    if (end === null)
      return toWrongText(`${where}[${items.length}] takes at most ${toGrouped(length)} characters`)
    if (items.length === most) return toWrongText(`${name} takes at most ${toGrouped(most)} items`)
    const read = parseJson(schema, text.slice(at, end))
    if (!read.success) return { ...read, wrong: `in ${where}[${items.length}], ${read.wrong}` }
    items.push(read.output)
    if (text[end] === ']') return { success: true, items, end: end + 1 }
    if (text[end] !== ',') return NOT_JSON
    at = end + 1
    // A macrotask, so that sockets get their turn too.
    if (items.length % ITEMS_IN_A_TURN === 0) await new Promise((resolve) => setTimeout(resolve, 0))
  }
}

/** Where the item ends that begins at `start`; null when it is longer than `length`. */
function findEnd(text: string, start: number, length: number): number | null {
  const last = Math.min(text.length, start + length + 1)
  let depth = 0
  for (let i = start; i < last; i++) {
    const c = text[i]
    if (c === '"') i = skipString(text, i) - 1
    else if (c === '[' || c === '{') depth++
    else if (depth === 0 && (c === ',' || c === ']' || c === '}')) return i
    else if (c === ']' || c === '}') depth--
  }
  return last === text.length ? last : null
}

/** Where the value of the member `key` begins in the object that `text` is; -1 when it has none, or is not an object. */
function findMember(text: string, key: string): number {
  const wanted = JSON.stringify(key)
  let depth = 0
  for (let i = 0; i < text.length; i++) {
    const c = text[i]
    if (c === '[' || c === '{') depth++
    else if (c === ']' || c === '}') depth--
    else if (c === '"') {
      const end = skipString(text, i)
      const colon = skipSpace(text, end)
      const isWanted = depth === 1 && text[colon] === ':' && text.slice(i, end) === wanted
      if (isWanted) return skipSpace(text, colon + 1)
      i = end - 1
    }
  }
  return -1
}
