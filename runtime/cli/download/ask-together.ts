import { PIPELINE_TYPE } from '../../../functions/http/pipeline.ts'
import { UserError } from '../../node/user-error.ts'
import { type CoordinatorClient, catchBroken } from '../client/coordinator-client.ts'
import { type Pipeline, type PipelinedReply, readPipeline } from '../client/pipeline.ts'
import type { Files, Held } from './destination.ts'

/** The response to the first request for a file. */
export interface First {
  readonly path: string
  /** The file that was there when it was asked for. */
  readonly held: Held | null
  /** Its body is read, or not at all, before the next. */
  readonly response: PipelinedReply
}

/** A file to ask for. */
type There = Omit<First, 'response'>

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
   * Without a wait when it is here.
   */
  next(name: string): First | undefined | Promise<First | undefined>
  close(): Promise<void>
}

/** Asks for the files of all `names` in one request. */
export async function askTogether(
  names: readonly string[],
  { ask, query, files }: Together,
): Promise<Firsts> {
  const there = new Map<string, There>()
  for (const name of names) {
    const path = files.toPath(name)
    try {
      const held = files.prepare(path)
      there.set(name, { path, held: held instanceof Promise ? await held : held })
    } catch (error) {
      ignoreUserError(error)
    }
  }
  let pipeline = there.size > 1 ? await open(ask, query, there).catch(ignoreUserError) : undefined
  const toFirst = (at: There, response: PipelinedReply | null | undefined): First | undefined => {
    if (response) return { ...at, response }
    pipeline = undefined
    return undefined
  }
  return {
    next(name) {
      const at = there.get(name)
      if (pipeline === undefined || at === undefined) return undefined
      try {
        const response = pipeline.next()
        if (!(response instanceof Promise)) return toFirst(at, response)
        return response.catch(ignoreUserError).then((response) => toFirst(at, response))
      } catch (error) {
        return toFirst(at, ignoreUserError(error))
      }
    },
    close: async () => await pipeline?.cancel(),
  }
}

/** The responses to all; undefined when the coordinator does not respond in this way. */
async function open(
  ask: CoordinatorClient,
  query: string,
  there: ReadonlyMap<string, There>,
): Promise<Pipeline | undefined> {
  const have = Object.fromEntries(
    [...there].flatMap(([name, { held }]) => (held ? [[name, held.digest]] : [])),
  )
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
