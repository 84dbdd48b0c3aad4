import { describe } from 'vitest'
import { describeAgreement } from './agreement.suite.ts'
import { describeHttp } from './http.suite.ts'
import { describeTrees } from './trees.suite.ts'
import type { StartWorld } from './world.suite.ts'

/** What a client sees of a coordinator and its replicas, the same wherever they run. */
export function describeScenarios(world: string, start: StartWorld): void {
  describe(`vouch ${world}`, () => {
    describeAgreement(start)
    describeHttp(start)
    describeTrees(start)
  })
}
