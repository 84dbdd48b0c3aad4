import { createReplica } from '../../functions/replica/replica.ts'
import { createProblem } from '../../functions/wire/problems.ts'
import { toFetcher } from './bindings.ts'
import { createDiskStorage } from './disk-storage.ts'
import { createHasher } from './hasher.ts'
import { log } from './log.ts'
import { type Answer, respond } from './respond.ts'

/** Bindings of a replica Worker. */
export interface ReplicaEnv {
  /** A directory through workerd's disk service, `allowDotfiles` set. */
  readonly FILES?: unknown
}

const apps = new WeakMap<ReplicaEnv, Answer>()

function createApp({ FILES }: ReplicaEnv): Answer {
  const disk = toFetcher(FILES)
  if (disk === null) return () => createProblem('internal-error', 'the binding FILES is no disk service')
  const app = createReplica(createDiskStorage(disk, { createHasher }), { createHasher, log })
  return (request) => app.fetch(request)
}

/** One directory as a replica server in workerd. */
export default {
  async fetch(request: Request, env: ReplicaEnv): Promise<Response> {
    const app = apps.get(env) ?? createApp(env)
    apps.set(env, app)
    return await respond(app, request)
  },
}
