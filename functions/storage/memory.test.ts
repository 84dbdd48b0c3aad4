import { expect, it } from 'vitest'
import { createMemoryStorage } from './memory.ts'
import { describeStorage, type StorageUnderTest } from './suite/storage.suite.ts'
import { createUntouched, expectTrouble } from './suite/suite-tools.suite.ts'

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

it('a write to memory whose condition fails does not read its body', async () => {
  const storage = createMemoryStorage({ a: 'old' })
  const { body, isTouched } = createUntouched()
  const write = storage.put('a', body, { size: 1, digest: 'f'.repeat(64), replaces: null })
  await expectTrouble(write, 'precondition')
  expect(isTouched()).toBe(false)
})
