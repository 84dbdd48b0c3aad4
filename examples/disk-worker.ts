// A directory behind workerd's disk service, as a replica: the service is the binding FILES.
import { createReplica } from 'vouch'
import { createDiskStorage, createHasher, type Fetcher, respond } from 'vouch/workers'

export default {
  async fetch(request: Request, env: { readonly FILES: Fetcher }): Promise<Response> {
    const replica = createReplica(createDiskStorage(env.FILES, { createHasher }), { createHasher })
    return await respond((request) => replica.fetch(request), request)
  },
}
