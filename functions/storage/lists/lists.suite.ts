import { settle } from '../../wire/storage-error.ts'
import type { Storage } from '../storage.ts'
import { toBytes } from '../suite/set-up.suite.ts'
import type { ListFile } from './list.ts'
import type { ListRecord } from './list-record.ts'
import { createListStorage, type ListSource, type ListStorageOptions } from './list-storage.ts'
import type { Peers } from './peers.ts'

/** A storage over a list, and what that is. */
export interface Recording extends Storage {
  /** Reads the list, and resolves with what it is. */
  readRecord(): Promise<ListRecord>
}

/** The storage of this source, beside these peers if any, which notes what it reads. */
export function createRecording(
  source: ListSource,
  options: ListStorageOptions = {},
  peers: Peers | null = null,
): Recording {
  let record: ListRecord | undefined
  const onRead = (read: ListRecord) => {
    record = read
  }
  const list = createListStorage(source, { ...options, onRead })
  const storage = peers === null ? list : list.beside(peers)
  return {
    ...storage,
    async readRecord() {
      await storage.list({ limit: 1 })
      if (record === undefined) throw new Error('the list was not read')
      return record
    },
  }
}

/** A storage over one list that never changes. Text is stored as UTF-8. */
export function createStorage(
  { bytes, ...file }: Omit<ListFile, 'bytes'> & { readonly bytes: Uint8Array | string },
  options: ListStorageOptions = {},
): Recording {
  const read = {
    ...file,
    bytes: typeof bytes === 'string' ? toBytes(bytes) : bytes,
    version: '1',
    modified: 0,
  }
  return createRecording({ read: async (known) => (known === null ? read : null) }, options)
}

/** What a storage over a list says of each name: its digest, null for none, or the words of an error. */
export async function ask(storage: Storage, names: readonly string[]): Promise<(string | null)[]> {
  const answers = await Promise.all(storage.describe(names).map(settle))
  return answers.map((said) => said && ('digest' in said ? said.digest : said.message))
}

/** Every name that the storage lists, and what it passes: the kind, the number, and the examples. */
export async function listAll(storage: Storage) {
  const { entries, passed = [] } = await storage.list()
  return { names: entries.map(({ name }) => name), passed: passed.map(({ kind, count }) => [kind, count]) }
}
