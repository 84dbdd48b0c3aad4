import type * as v from 'valibot'
import { readChunks } from '../../../functions/bytes/chunks.ts'
import type { Reply } from '../../../functions/storage/remote/replies.ts'
import { parseJson } from '../../../functions/wire/json/parse.ts'
import { Broken, catchBroken, NotACoordinator } from './coordinator-client.ts'

/** Far more than a line takes: the longest name, and 1,000 replicas, each with an error in words. */
const MAX_LINE_LENGTH = 4 * 1024 * 1024

/** The lines of a response, parsed by `schema`, in batches as they arrive. */
export async function* readNdjson<T extends v.GenericSchema>(
  response: Reply,
  schema: T,
): AsyncGenerator<v.InferOutput<T>[]> {
  for await (const lines of readTextLines(response)) yield lines.map((line) => parseLine(line, schema))
}

/** The lines of a response, in batches as they arrive. Throws `Broken` when the last is incomplete. */
export async function* readTextLines({ body }: Reply): AsyncGenerator<string[]> {
  yield* splitLines(body === null ? [] : readChunks(catchBroken(body)), {
    decoder: new TextDecoder(),
    toEndless: () =>
      new NotACoordinator('the response has a line without an end: is that URL a coordinator?'),
    toCut: () => new Broken('the response broke off within a line'),
  })
}

interface Splitting {
  readonly decoder: TextDecoder
  /** The error of a line that is too long. */
  toEndless(): Error
  /** The error of a last line that is incomplete. */
  toCut(): Error
}

/** The lines of a text, in batches as its bytes arrive. */
export async function* splitLines(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  { decoder, toEndless, toCut }: Splitting,
): AsyncGenerator<string[]> {
  let rest = ''
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > MAX_LINE_LENGTH) throw toEndless()
    yield lines
  }
  if (rest !== '') throw toCut()
}

/** A line of JSON, parsed by `schema`; throws `NotACoordinator` when it is not valid. */
export function parseLine<T extends v.GenericSchema>(line: string, schema: T): v.InferOutput<T> {
  const parsed = parseJson(schema, line)
  if (parsed.success) return parsed.output
  throw new NotACoordinator(
    `the response has a line that is not valid (${parsed.wrong}): is that URL a coordinator?`,
  )
}
