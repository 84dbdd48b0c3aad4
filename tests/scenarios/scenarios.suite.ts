import { describe } from 'vitest'
import { DOCUMENT } from '../../functions/coordinator/openapi/document.ts'
import { createChecker, requireDocumented } from '../../functions/http/openapi/openapi.suite.ts'
import { describeAgreement } from './agreement.suite.ts'
import { describeHttp } from './http.suite.ts'
import { describeTrees } from './trees.suite.ts'
import type { StartWorld } from './world.suite.ts'

/**
 * The behaviour of a coordinator and its replicas for a client: the same on every host, and as their OpenAPI
 * documents describe.
 */
export function describeScenarios(world: string, start: StartWorld): void {
  const startTold = holdAgainstDocument(start)
  describe(`vouch ${world}`, () => {
    describeAgreement(startTold)
    describeHttp(startTold)
    describeTrees(startTold)
  })
}

/** The same world, in which a request fails when its answer is not as the document describes. */
function holdAgainstDocument(start: StartWorld): StartWorld {
  const checker = createChecker(DOCUMENT)
  return async (trees) => {
    const world = await start(trees)
    return {
      ...world,
      async fetch(path, init) {
        const answer = await world.fetch(path, init)
        await requireDocumented(checker, init?.method ?? 'GET', path, answer)
        return answer
      },
    }
  }
}
