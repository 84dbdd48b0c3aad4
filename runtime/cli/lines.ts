import type * as v from 'valibot'
import { parseJson } from '../../functions/wire/parse.ts'
import { Refusal } from '../node/refusal.ts'
import { Broken, catchBroken } from './ask.ts'

/** Far more than a line takes: the longest name, and 1,000 replicas, each with an error in words. */
const MAX_LINE_LENGTH = 4 * 1024 * 1024

/** The lines of a coordinator's answer, each as `schema` has it, those that came together at once. */
export async function* readLines<T extends v.GenericSchema>(
  response: Response,
  schema: T,
): AsyncGenerator<v.InferOutput<T>[]> {
  for await (const lines of readTextLines(response)) yield lines.map((line) => parseLine(line, schema))
}

/** The lines of a coordinator's answer, those that came together at once. `Broken` when the last is not whole. */
export async function* readTextLines({ body }: Response): AsyncGenerator<string[]> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of body === null ? [] : catchBroken(body)) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > MAX_LINE_LENGTH)
      throw new Refusal("the answer has a line without end: is that a coordinator's address?")
    yield lines
  }
  if (rest !== '') throw new Broken('the answer broke off within a line')
}

/** A line of JSON as `schema` has it; throws a Refusal otherwise. */
export function parseLine<T extends v.GenericSchema>(line: string, schema: T): v.InferOutput<T> {
  const parsed = parseJson(schema, line)
  if (parsed.success) return parsed.output
  throw new Refusal(
    `answered with a line that is not valid (${parsed.wrong}): is that a coordinator's address?`,
  )
}
