import { createReplica } from '../../functions/replica/replica.ts'
import { openAccess } from './access/access.ts'
import { parseStorage, type ReplicaEnv } from './configuration.ts'
import { createHasher } from './hasher.ts'
import { log } from './log.ts'
import { createWorker } from './respond.ts'

export { Digests } from './digests/digest-object.ts'

/** A replica server in workerd, over the storage that the variable `STORAGE` names. */
export default createWorker((env: ReplicaEnv) => {
  const access = openAccess(env)
  const storage = parseStorage(env, access)
  return () => createReplica(storage, { ...access, createHasher, log })
})
