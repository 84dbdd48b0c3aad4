import { createCoordinator } from '../../functions/coordinator/coordinator.ts'
import { createState } from '../../functions/coordinator/state.ts'
import { openAccess } from './access/access.ts'
import { type CoordinatorEnv, parseReplicas } from './configuration.ts'
import { createHasher } from './hasher.ts'
import { CONTENT_CACHE_BYTES } from './limits.ts'
import { log } from './log.ts'
import { createWorker } from './respond.ts'

export { Digests } from './digests/digest-object.ts'

/** The coordinator in workerd, over the replicas that the variable `REPLICAS` names. */
export default createWorker((env: CoordinatorEnv) => {
  const access = openAccess(env)
  const replicas = parseReplicas(env, access)
  const state = createState({ bytes: CONTENT_CACHE_BYTES })
  return () => createCoordinator(replicas, { ...access, state, createHasher, log })
})
