import { createMemoryStorage } from '../storage/memory.ts'
import { createRemoteStorage } from '../storage/remote.ts'
import { describeStorage, type StorageUnderTest } from '../storage/storage.suite.ts'
import { createBufferHasher } from '../storage/suite-tools.suite.ts'
import { createReplica } from './replica.ts'

for (const writable of [true, false]) {
  describeStorage(`remote over a ${writable ? 'writable' : 'read-only'} replica of memory`, () =>
    setUp(writable),
  )
}

async function setUp(writable: boolean): Promise<StorageUnderTest> {
  const memory = createMemoryStorage()
  const app = createReplica(memory, { writable, createHasher: createBufferHasher })
  const storage = createRemoteStorage('http://replica.test', {
    fetch: async (url, init) => await app.fetch(new Request(url, init)),
  })
  return {
    storage,
    write: async (name, bytes) => memory.set(name, bytes),
    remove: async (name) => memory.delete(name),
    writable,
    seesChanges: false,
    holdsLongSegments: true,
    close: async () => {},
  }
}
