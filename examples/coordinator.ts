// Serves files that two directories of this machine must agree about: node coordinator.ts DIR DIR [PORT]
import { once } from 'node:events'
import { createCoordinator } from 'vouch'
import { createDirectoryStorage, createHasher, serve } from 'vouch/node'

const [first = '.', second = '.', port = '6001'] = process.argv.slice(2)
const replicas = [
  { id: 'first', storage: createDirectoryStorage(first) },
  { id: 'second', storage: createDirectoryStorage(second) },
]
// Rejects when one is no directory.
for (const { storage } of replicas) await storage.ready()
// A Hono app: it may as well be mounted in another one, or handed to any server that takes a fetch handler.
const coordinator = createCoordinator(replicas, { createHasher, defer: setImmediate })
const server = await serve((request) => coordinator.fetch(request), { host: '127.0.0.1', port: Number(port) })
console.log(server.url)

await once(process, 'SIGTERM')
await server.close()
for (const { storage } of replicas) await storage.close()
