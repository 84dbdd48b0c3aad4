import { describeStorage, type StorageUnderTest } from '../../functions/storage/suite/storage.suite.ts'
import { createTestDirectory, openStorage } from './directory-setup.suite.ts'
import type { DirectoryOptions } from './directory-storage.ts'

describeStorage('a writable directory, on threads of its own', () =>
  setUp({ writable: true, here: undefined }),
)
describeStorage('a read-only directory, on the calling thread', () => setUp({ writable: false, here: 'all' }))

interface SetUp extends Pick<DirectoryOptions, 'here'> {
  readonly writable: boolean
}

async function setUp({ writable, here }: SetUp): Promise<StorageUnderTest> {
  const directory = await createTestDirectory()
  const storage = openStorage(directory.root, { writable, here, indexPath: directory.indexPath })
  return { ...directory, storage, writable, seesChanges: true }
}
