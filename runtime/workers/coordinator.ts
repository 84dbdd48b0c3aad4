import { createCoordinator } from '../../functions/coordinator/coordinator.ts'
import { type CoordinatorEnv, parseReplicas } from './configuration.ts'
import { openDoor } from './door.ts'
import { createHasher } from './hasher.ts'
import { log } from './log.ts'
import { createWorker } from './respond.ts'

/** The coordinator in workerd, over the replicas that the variable `REPLICAS` names. */
export default createWorker((env: CoordinatorEnv) => {
  const door = openDoor(env)
  return createCoordinator(parseReplicas(env, door), { ...door, createHasher, log })
})
