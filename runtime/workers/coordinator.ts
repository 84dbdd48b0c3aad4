import { createCoordinator } from '../../functions/coordinator/coordinator.ts'
import { createMemory } from '../../functions/coordinator/memory.ts'
import { type CoordinatorEnv, parseReplicas } from './configuration.ts'
import { openDoor } from './door.ts'
import { createHasher } from './hasher.ts'
import { KEPT_CONTENTS_BYTES } from './limits.ts'
import { log } from './log.ts'
import { createWorker } from './respond.ts'

/** The coordinator in workerd, over the replicas that the variable `REPLICAS` names. */
export default createWorker((env: CoordinatorEnv) => {
  const door = openDoor(env)
  const replicas = parseReplicas(env, door)
  const memory = createMemory({ bytes: KEPT_CONTENTS_BYTES })
  return () => createCoordinator(replicas, { ...door, memory, createHasher, log })
})
