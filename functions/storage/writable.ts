import { StorageError } from '../wire/storage-error.ts'
import type { Storage, WritableStorage } from './storage.ts'

/** Whether the storage has `put` and `restore`; a server behind it may still reject them as `read-only`. */
export function isWritable(storage: Storage): storage is WritableStorage {
  return 'put' in storage
}

/** The same storage, for a write; throws `read-only` when it has no `put`. */
export function requireWritable(storage: Storage): WritableStorage {
  if (isWritable(storage)) return storage
  throw new StorageError('read-only', 'this replica does not accept writes')
}
