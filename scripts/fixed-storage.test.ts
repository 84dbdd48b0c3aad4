import { createFixedStorage } from '../examples/fixed-storage.ts'
import { describeStorage } from '../functions/storage/storage.suite.ts'

describeStorage('the storage of the example', async () => {
  const files = new Map<string, Uint8Array<ArrayBuffer>>()
  return {
    storage: createFixedStorage(files),
    write: async (name, bytes) => void files.set(name, new Uint8Array(bytes)),
    remove: async (name) => void files.delete(name),
    writable: false,
    seesChanges: false,
    close: async () => {},
  }
})
