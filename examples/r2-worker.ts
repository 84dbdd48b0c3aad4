// A bucket of R2 as a replica: the bucket is the binding BUCKET.
import { createObjectStorage, createReplica } from 'vouch'
import { createHasher, createR2Objects, createWorker, type R2Bucket } from 'vouch/workers'

export default createWorker(({ BUCKET }: { readonly BUCKET: R2Bucket }) => {
  const objects = createR2Objects(BUCKET)
  // Requests of a Worker share no work: each has an app of its own.
  return () => createReplica(createObjectStorage(objects, { createHasher }), { createHasher })
})
