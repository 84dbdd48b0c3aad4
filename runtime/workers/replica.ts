import { createReplica } from '../../functions/replica/replica.ts'
import { parseStorage, type ReplicaEnv } from './configuration.ts'
import { openDoor } from './door.ts'
import { createHasher } from './hasher.ts'
import { log } from './log.ts'
import { createWorker } from './respond.ts'

/** A replica server in workerd, over the storage that the variable `STORAGE` names. */
export default createWorker((env: ReplicaEnv) => {
  const door = openDoor(env)
  const storage = parseStorage(env, door)
  return () => createReplica(storage, { ...door, createHasher, log })
})
