import { describeStorage, type StorageUnderTest } from '../../functions/storage/storage.suite.ts'
import { createTestDirectory, openStorage } from './directory-setup.suite.ts'

for (const writable of [true, false]) {
  describeStorage(`a ${writable ? 'writable' : 'read-only'} directory`, () => setUp(writable))
}

async function setUp(writable: boolean): Promise<StorageUnderTest> {
  const directory = await createTestDirectory()
  const storage = openStorage(directory.root, { writable, indexPath: directory.indexPath })
  return { ...directory, storage, writable, seesChanges: true }
}
