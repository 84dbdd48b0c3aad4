// A Worker of one's own: files that are part of the script, served as a replica.
import { createMemoryStorage, createReplica } from 'vouch'
import { createHasher, respond } from 'vouch/workers'

const storage = createMemoryStorage({ 'file1.txt': 'the same everywhere\n' })
const replica = createReplica(storage, { createHasher })

export default {
  fetch: (request: Request): Promise<Response> => respond((request) => replica.fetch(request), request),
}
