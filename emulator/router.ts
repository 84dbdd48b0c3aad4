import { createProblem } from '../functions/http/problems.ts'
import type { Fetcher } from '../runtime/workers/bindings.ts'

/**
 * The ids of the replicas, the coordinator, and each replica's fault Worker under `REPLICA_` and its place.
 */
interface DoorEnv {
  readonly IDS: readonly string[]
  /** Those of them that are not servers. */
  readonly BUCKETS: readonly string[]
  readonly COORDINATOR: Fetcher
  readonly [replica: `REPLICA_${number}`]: Fetcher
}

/**
 * The one port of the emulator: `/~{id}/…` is that replica, `/~emulator/faults/{id}` its fault, everything
 * else the coordinator.
 */
export default {
  async fetch(request: Request, env: DoorEnv): Promise<Response> {
    const { pathname, search } = new URL(request.url)
    const faulty = /^\/~emulator\/faults\/([^/]+)$/.exec(pathname)?.[1]
    if (faulty !== undefined) return await send(new Request('http://faults/', request), faulty, env)
    const [, id, path = '/'] = /^\/~([^/]+)(\/.*)?$/.exec(pathname) ?? []
    if (id !== undefined && env.BUCKETS.includes(id)) {
      return createProblem('no-such-resource', `${id} is a bucket, which has no server of its own`)
    }
    if (id !== undefined) return await send(new Request(`http://replica${path}${search}`, request), id, env)
    return await env.COORDINATOR.fetch(request)
  },
}

async function send(request: Request, id: string, env: DoorEnv): Promise<Response> {
  const replica = env[`REPLICA_${env.IDS.indexOf(id)}`]
  if (replica === undefined) {
    return createProblem('no-such-resource', `there is no replica '${id}', only ${env.IDS.join(', ')}`)
  }
  try {
    return await replica.fetch(request)
  } catch {
    return createProblem('unreachable', `${id} is down`)
  }
}
