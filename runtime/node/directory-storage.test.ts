import { describeStorage, type StorageUnderTest } from '../../functions/storage/storage.suite.ts'
import { createTestDirectory } from './directory-setup.suite.ts'
import { createDirectoryStorage } from './directory-storage.ts'

for (const writable of [true, false]) {
  describeStorage(`a ${writable ? 'writable' : 'read-only'} directory`, () => setUp(writable))
}

async function setUp(writable: boolean): Promise<StorageUnderTest> {
  const directory = await createTestDirectory()
  const storage = createDirectoryStorage(directory.root, { writable })
  return { ...directory, storage, writable, seesChanges: true }
}
