// Serves a directory to coordinators elsewhere that have the token: node replica.ts DIR [PORT]
import { once } from 'node:events'
import { createReplica } from 'vouch'
import { createDirectoryStorage, createHasher, serve } from 'vouch/node'

const [directory = '.', port = '6002'] = process.argv.slice(2)
const token = process.env['VOUCH_TOKEN']
const storage = createDirectoryStorage(directory, { onNotice: console.warn })
// Rejects when that is no directory.
await storage.ready()
const replica = createReplica(storage, {
  createHasher,
  log: ({ method, path, status }) => console.log(JSON.stringify({ method, path, status })),
  isAllowed: (request) => token === undefined || request.headers.get('Authorization') === `Bearer ${token}`,
})
const server = await serve((request) => replica.fetch(request), { host: '127.0.0.1', port: Number(port) })
console.log(server.url)

await once(process, 'SIGTERM')
await server.close()
await storage.close()
