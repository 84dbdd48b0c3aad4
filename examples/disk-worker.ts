// A directory behind workerd's disk service, as a replica: the service is the binding FILES.
import { createReplica } from 'vouch'
import { createDiskStorage, createHasher, createWorker, type Fetcher } from 'vouch/workers'

export default createWorker(({ FILES }: { readonly FILES: Fetcher }) => {
  const storage = createDiskStorage(FILES, { createHasher })
  // Requests of a Worker share no work: each has an app of its own.
  return () => createReplica(storage, { createHasher })
})
