// A Worker of one's own: files that are part of the script, served as a replica.
import { createMemoryStorage, createReplica } from 'vouch'
import { createHasher, createWorker } from 'vouch/workers'

const storage = createMemoryStorage({ 'file1.txt': 'the same everywhere\n' })

export default createWorker(() => () => createReplica(storage, { createHasher }))
