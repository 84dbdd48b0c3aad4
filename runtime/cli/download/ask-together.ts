import { PIPELINE_TYPE } from '../../../functions/http/pipeline.ts'
import type { Reply } from '../../../functions/storage/remote/replies.ts'
import { UserError } from '../../node/user-error.ts'
import { type CoordinatorClient, catchBroken } from '../client/coordinator-client.ts'
import { readPipeline } from '../client/pipeline.ts'
import type { Files, Held } from './destination.ts'

/** The response to the first request for a file. */
export interface First {
  /** The file that was there when it was asked for. */
  readonly held: Held | null
  /** Its body is read, or not at all, before the next. */
  readonly response: Reply
}

interface Together {
  readonly ask: CoordinatorClient
  /** Of each compared read: empty, or with its question mark. */
  readonly query: string
  readonly files: Files
}

/**
 * Asks for the files of all `names` in one request. Yields the response to each, in order; none for a name
 * whose path cannot be written, and for all from where the coordinator does not respond: the caller asks for
 * those one by one, which fails in words about that file.
 */
export async function* askTogether(
  names: readonly string[],
  { ask, query, files }: Together,
): AsyncGenerator<readonly [name: string, first: First | undefined]> {
  const there = new Map<string, Held | null>()
  for (const name of names) {
    const held = await files.prepare(files.toPath(name)).catch(ignoreUserError)
    if (held !== undefined) there.set(name, held)
  }
  const responses = there.size > 1 ? request(ask, query, there) : undefined
  try {
    for (const name of names) {
      const held = there.get(name)
      const next = held === undefined ? undefined : await responses?.next().catch(ignoreUserError)
      const response = next?.value
      yield [name, held === undefined || !response ? undefined : { held, response }]
    }
  } finally {
    await responses?.return(undefined)
  }
}

/** The responses, fewer when the coordinator does not respond in this way. */
async function* request(
  ask: CoordinatorClient,
  query: string,
  there: ReadonlyMap<string, Held | null>,
): AsyncGenerator<Reply> {
  const have = Object.fromEntries([...there].flatMap(([name, held]) => (held ? [[name, held.digest]] : [])))
  const response = await ask(`/reads${query}`, { json: JSON.stringify({ names: [...there.keys()], have }) })
  const { status, headers, body } = response
  if (body === null) return
  if (status === 200 && headers.get('Content-Type') === PIPELINE_TYPE) yield* readPipeline(catchBroken(body))
  else await body.cancel()
}

/** Undefined for an error that asking for one file will report. */
function ignoreUserError(error: unknown): undefined {
  if (error instanceof UserError) return undefined
  throw error
}
