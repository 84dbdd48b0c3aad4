import { StorageError } from '../wire/storage-error.ts'
import type { MoveOptions, Storage, WritableStorage } from './storage.ts'

/** Whether the storage has `put` and `restore`; a server behind it may still reject them as `read-only`. */
export function isWritable(storage: Storage): storage is WritableStorage {
  return 'put' in storage
}

/** The same storage, for a write; throws `read-only` when it has no `put`. */
export function requireWritable(storage: Storage): WritableStorage {
  if (isWritable(storage)) return storage
  throw new StorageError('read-only', 'this replica does not accept writes')
}

/** As `WritableStorage.move`; rejects with `read-only` or `unreadable` when the storage has none. */
export async function moveFile(
  storage: Storage,
  from: string,
  to: string,
  options: MoveOptions,
): Promise<void> {
  const { move } = requireWritable(storage)
  if (move === undefined)
    throw new StorageError(
      'unreadable',
      'the store of this replica cannot move files; plan without moves, to copy',
    )
  await move(from, to, options)
}
