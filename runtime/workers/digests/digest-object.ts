import * as v from 'valibot'
import { parseJson } from '../../../functions/wire/json/parse.ts'
import { createDigestPages, knownRow, type Sql } from './digest-pages.ts'

/** What a Worker asks of the object: the rows of versions, or to note and drop some. */
export const digestsRequest = v.object({
  find: v.array(v.tuple([v.string(), v.string()])),
  note: v.array(knownRow),
  drop: v.array(v.tuple([v.string(), v.string()])),
})

/** The part that is used of the state of a Durable Object. */
interface State {
  readonly storage: { readonly sql: Sql; transactionSync<T>(work: () => T): T }
}

/**
 * The Durable Object that holds the digests of one bucket, in SQLite, for all Workers that bind it. Only they
 * can reach it. It answers JSON by JSON: to what `digestsRequest` describes, the rows that were found.
 */
export class Digests {
  readonly #state: State
  readonly #pages: ReturnType<typeof createDigestPages>

  constructor(state: State) {
    this.#state = state
    this.#pages = createDigestPages(state.storage.sql)
  }

  async fetch(request: Request): Promise<Response> {
    const asked = parseJson(digestsRequest, await request.text())
    if (!asked.success) return new Response(asked.wrong, { status: 400 })
    const { find, note, drop } = asked.output
    this.#state.storage.transactionSync(() => this.#pages.note(note, drop))
    return Response.json(this.#pages.find(find))
  }
}
