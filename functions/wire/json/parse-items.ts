import type * as v from 'valibot'
import { ITEMS_IN_A_TURN } from '../limits.ts'
import { formatNumber } from '../text.ts'
import { type Parsed, parseJson, skipSpace, skipString, toWrongText, type Wrong } from './parse.ts'

/** Limits of an array in JSON. */
interface ItemLimits {
  readonly items: number
  /** The length of one item in characters. */
  readonly length: number
}

/**
 * Parses `text`, whose length the caller limits, as an array of items of `schema`, one by one: the first
 * invalid one ends the work, so that many cost no more than one. Yields to other work now and then.
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

/** Likewise, an object whose member `key` is such an array; `schema` checks it with that array empty. */
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

/** The items of the array that begins at `start`, and the index after it. */
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
      return toWrongText(`${where}[${items.length}] takes at most ${formatNumber(length)} characters`)
    if (items.length === most) return toWrongText(`${name} takes at most ${formatNumber(most)} items`)
    const read = parseJson(schema, text.slice(at, end))
    if (!read.success) return { ...read, wrong: `in ${where}[${items.length}], ${read.wrong}` }
    items.push(read.output)
    if (text[end] === ']') return { success: true, items, end: end + 1 }
    if (text[end] !== ',') return NOT_JSON
    at = end + 1
    // A macrotask, so that sockets are served too.
    if (items.length % ITEMS_IN_A_TURN === 0) await new Promise((resolve) => setTimeout(resolve, 0))
  }
}

/** The end of the item that begins at `start`; null when it is longer than `length`. */
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

/** The index of the value of the member `key` of the object in `text`, or -1. */
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
