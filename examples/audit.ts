// Compares a directory with files that are part of this program, and prints those that differ: node audit.ts
// DIR
import { createCoordinator } from 'vouch'
import { createDirectoryStorage, createHasher } from 'vouch/node'
import { createFixedStorage } from './fixed-storage.ts'

const encoder = new TextEncoder()
const expected = createFixedStorage(
  new Map([
    ['etc/motd', encoder.encode('Welcome.\n')],
    ['etc/issue', encoder.encode('vouch\n')],
  ]),
)
const directory = createDirectoryStorage(process.argv[2] ?? '.')
const coordinator = createCoordinator(
  [
    { id: 'expected', storage: expected },
    { id: 'directory', storage: directory },
  ],
  { createHasher },
)

// One JSON value a line. Without the last one, the summary, an audit did not finish.
const response = await coordinator.request('/audit')
process.stdout.write(await response.text())
await directory.close()
