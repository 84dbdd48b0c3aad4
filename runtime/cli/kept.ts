import * as v from 'valibot'
import { compareNames } from '../../functions/storage/names.ts'
import { readText, toChunks } from '../../functions/storage/streams.ts'
import { MAX_LISTING_BYTES, MAX_REPLICAS } from '../../functions/wire/limits.ts'
import { boundedArray, parseJson } from '../../functions/wire/parse.ts'
import { type KeptListing, keptListing, replicaId } from '../../functions/wire/schemas.ts'
import { Refusal } from '../node/refusal.ts'
import { type Ask, Broken, readProblem, toLine, toReason } from './ask.ts'

/** A content that a replica keeps. */
export type KeptEntry = KeptListing['entries'][number]

/** All of the answer that is needed here. */
const replicas = v.object({ replicas: boundedArray(v.object({ id: replicaId }), MAX_REPLICAS) })

/** The ids of the replicas behind the coordinator, in their order. */
export async function readIds(ask: Ask): Promise<string[]> {
  const answer = await readAnswer(await ask('/replicas'), replicas)
  return answer.replicas.map(({ id }) => id)
}

/** What a replica keeps, of one name or of all, page by page; throws a Refusal when it does not say. */
export async function* readKept(
  ask: Ask,
  replica: string,
  name: string | undefined,
): AsyncGenerator<readonly KeptEntry[]> {
  for (let after: string | null = ''; after !== null; ) {
    const query = new URLSearchParams({
      replica,
      ...(name !== undefined && { name }),
      ...(after && { after }),
    })
    const page: KeptListing = await readAnswer(await ask(`/kept?${query}`), keptListing)
    yield page.entries
    if (page.next !== null && compareNames(page.next, after) <= 0)
      throw new Refusal(`${replica} lists what it keeps without end`)
    after = page.next
  }
}

/** The JSON of an answer as `schema` has it; throws a Refusal with the problem that it is instead. */
export async function readAnswer<T extends v.GenericSchema>(
  response: Response,
  schema: T,
): Promise<v.InferOutput<T>> {
  if (response.status !== 200) throw new Refusal(toLine(await readProblem(response)))
  const text = response.body && (await readText(toChunks(response.body), MAX_LISTING_BYTES).catch(toBroken))
  const parsed = parseJson(schema, text ?? '')
  if (parsed.success) return parsed.output
  throw new Refusal(`answered with something else (${parsed.wrong}): is that a coordinator's address?`)
}

function toBroken(error: unknown): never {
  throw new Broken(`the answer broke off: ${toReason(error)}`)
}
