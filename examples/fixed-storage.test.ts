// The storage of fixed-storage.ts, held to the suite that every storage of vouch passes: npx vitest run
import { describeStorage } from 'vouch/testing'
import { createFixedStorage } from './fixed-storage.ts'

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
