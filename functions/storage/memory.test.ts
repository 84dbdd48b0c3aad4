import { createMemoryStorage } from './memory.ts'
import { describeStorage, type StorageUnderTest } from './storage.suite.ts'

describeStorage('memory', async (): Promise<StorageUnderTest> => {
  const storage = createMemoryStorage()
  return {
    storage,
    write: async (name, bytes) => storage.set(name, bytes),
    remove: async (name) => storage.delete(name),
    writable: true,
    seesChanges: false,
    holdsLongSegments: true,
    close: async () => {},
  }
})
