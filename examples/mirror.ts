// Compares a file of a directory with a web server's copy: node mirror.ts NAME DIR
// https://mirror.example/files/
import { createCoordinator, createObjectStorage, createStaticWeb } from 'vouch'
import { createDirectoryStorage, createHasher, createSend } from 'vouch/node'

const [name = '', path = '.', url = ''] = process.argv.slice(2)
const mirror = createObjectStorage(createStaticWeb(url, { fetch: createSend() }), { createHasher })
const directory = createDirectoryStorage(path)

const coordinator = createCoordinator(
  [
    { id: 'directory', storage: directory },
    { id: 'mirror', storage: mirror },
  ],
  { createHasher },
)
const response = await coordinator.request(`/files/${encodeURIComponent(name)}`)
console.log(`${response.status} ${response.headers.get('Replica-Status')}`)
await response.body?.cancel()
await directory.close()
