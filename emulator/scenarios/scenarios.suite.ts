import { describe } from 'vitest'
import { DOCUMENT } from '../../functions/coordinator/openapi.ts'
import { createChecker, requireTold } from '../../functions/wire/openapi.suite.ts'
import { describeAgreement } from './agreement.suite.ts'
import { describeHttp } from './http.suite.ts'
import { describeTrees } from './trees.suite.ts'
import type { StartWorld } from './world.suite.ts'

/** What a client sees of a coordinator and its replicas, the same wherever they run, and as their document tells it. */
export function describeScenarios(world: string, start: StartWorld): void {
  const startTold = holdAgainstDocument(start)
  describe(`vouch ${world}`, () => {
    describeAgreement(startTold)
    describeHttp(startTold)
    describeTrees(startTold)
  })
}

/** The same world, but that an answer of which the document tells otherwise fails whoever asked. */
function holdAgainstDocument(start: StartWorld): StartWorld {
  const checker = createChecker(DOCUMENT)
  return async (trees) => {
    const world = await start(trees)
    return {
      ...world,
      async fetch(path, init) {
        const answer = await world.fetch(path, init)
        await requireTold(checker, init?.method ?? 'GET', path, answer)
        return answer
      },
    }
  }
}
