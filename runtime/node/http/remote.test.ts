import { createReplica } from '../../../functions/replica/replica.ts'
import { createRemoteStorage } from '../../../functions/storage/remote/remote.ts'
import { describeStorage, type StorageUnderTest } from '../../../functions/storage/suite/storage.suite.ts'
import { createTestDirectory, openStorage } from '../directory-setup.suite.ts'

for (const writable of [true, false]) {
  describeStorage(`remote over a ${writable ? 'writable' : 'read-only'} replica of a directory`, () =>
    setUp(writable),
  )
}

async function setUp(writable: boolean): Promise<StorageUnderTest> {
  const directory = await createTestDirectory()
  const app = createReplica(openStorage(directory.root, { writable, indexPath: directory.indexPath }), {
    writable,
  })
  const storage = createRemoteStorage('http://replica.test', {
    fetch: async (url, init) => await app.fetch(new Request(url, init)),
  })
  return { ...directory, storage, writable, seesChanges: true }
}
