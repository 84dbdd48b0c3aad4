import { createMemoryStorage } from '../storage/memory.ts'
import { createRemoteStorage } from '../storage/remote/remote.ts'
import { createTestHasher } from '../storage/suite/set-up.suite.ts'
import { describeStorage, type StorageUnderTest } from '../storage/suite/storage.suite.ts'
import { createReplica } from './replica.ts'

for (const writable of [true, false]) {
  describeStorage(`remote over a ${writable ? 'writable' : 'read-only'} replica of memory`, () =>
    setUp(writable),
  )
}

async function setUp(writable: boolean): Promise<StorageUnderTest> {
  const memory = createMemoryStorage()
  const app = createReplica(memory, { writable, createHasher: createTestHasher })
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
