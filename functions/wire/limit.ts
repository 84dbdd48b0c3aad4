import { createProblem } from './problems.ts'

/** How many pieces of work of one kind may be under way. */
export interface Limit {
  /** Begins one: null, or the problem to answer with when there are as many already. Who begins one ends it. */
  begin(): Response | null
  end(): void
}

export function createLimit(most: number, what: string): Limit {
  let underWay = 0
  return {
    begin() {
      if (underWay === most)
        return createProblem('overloaded', `${most} ${what} are under way; ask again later`)
      underWay++
      return null
    },
    end: () => void underWay--,
  }
}

/** What `work` answers, as one of the pieces that `limit` counts; the problem when there are as many already. */
export async function withLimit(limit: Limit, work: () => Promise<Response>): Promise<Response> {
  const refused = limit.begin()
  if (refused !== null) return refused
  try {
    return await work()
  } finally {
    limit.end()
  }
}
