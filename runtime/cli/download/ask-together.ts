import { PIPELINE_TYPE } from '../../../functions/http/pipeline.ts'
import type { Reply } from '../../../functions/storage/remote/replies.ts'
import { UserError } from '../../node/user-error.ts'
import { type CoordinatorClient, catchBroken } from '../client/coordinator-client.ts'
import { type Pipeline, readPipeline } from '../client/pipeline.ts'
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

/** The responses to the first requests for some files. Its user closes it. */
interface Firsts {
  /**
   * The response for one name after the other, in their order. Undefined when its path cannot be written, and
   * for all from where the coordinator does not respond: asking for the file fails then, in words about it.
   */
  next(name: string): Promise<First | undefined>
  close(): Promise<void>
}

/** Asks for the files of all `names` in one request. */
export async function askTogether(
  names: readonly string[],
  { ask, query, files }: Together,
): Promise<Firsts> {
  const there = new Map<string, Held | null>()
  for (const name of names) {
    const held = await files.prepare(files.toPath(name)).catch(ignoreUserError)
    if (held !== undefined) there.set(name, held)
  }
  let pipeline = there.size > 1 ? await open(ask, query, there).catch(ignoreUserError) : undefined
  return {
    async next(name) {
      const held = there.get(name)
      if (pipeline === undefined || held === undefined) return undefined
      const response = await pipeline.next().catch(ignoreUserError)
      if (response) return { held, response }
      pipeline = undefined
      return undefined
    },
    close: async () => await pipeline?.cancel(),
  }
}

/** The responses to all; undefined when the coordinator does not respond in this way. */
async function open(
  ask: CoordinatorClient,
  query: string,
  there: ReadonlyMap<string, Held | null>,
): Promise<Pipeline | undefined> {
  const have = Object.fromEntries([...there].flatMap(([name, held]) => (held ? [[name, held.digest]] : [])))
  const json = JSON.stringify({ names: [...there.keys()], have })
  const { status, headers, body } = await ask(`/reads${query}`, { json })
  if (body === null) return undefined
  if (status === 200 && headers.get('Content-Type') === PIPELINE_TYPE) return readPipeline(catchBroken(body))
  await body.cancel()
  return undefined
}

/** Undefined for an error that asking for one file will report. */
function ignoreUserError(error: unknown): undefined {
  if (error instanceof UserError) return undefined
  throw error
}
