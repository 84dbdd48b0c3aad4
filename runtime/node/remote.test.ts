import { createReplica } from '../../functions/replica/replica.ts'
import { createRemoteStorage } from '../../functions/storage/remote.ts'
import { describeStorage, type StorageUnderTest } from '../../functions/storage/storage.suite.ts'
import { createTestDirectory } from './directory-setup.suite.ts'
import { createDirectoryStorage } from './directory-storage.ts'

for (const writable of [true, false]) {
  describeStorage(`remote over a ${writable ? 'writable' : 'read-only'} replica of a directory`, () =>
    setUp(writable),
  )
}

async function setUp(writable: boolean): Promise<StorageUnderTest> {
  const directory = await createTestDirectory()
  const app = createReplica(createDirectoryStorage(directory.root, { writable }), { writable })
  const storage = createRemoteStorage('http://replica.test', {
    fetch: async (request) => await app.fetch(request),
  })
  return { ...directory, storage, writable, seesChanges: true }
}
