import { settle } from '../../wire/storage-error.ts'
import type { Storage } from '../storage.ts'
import { toBytes } from '../suite/set-up.suite.ts'
import type { ListFile, ListOptions } from './list.ts'
import { createListStorage, type ListStorage } from './list-storage.ts'

/** A storage over one list that never changes. Text is stored as UTF-8. */
export function createStorage(
  { bytes, ...file }: Omit<ListFile, 'bytes'> & { readonly bytes: Uint8Array | string },
  options: ListOptions = {},
): ListStorage {
  const read = { ...file, bytes: typeof bytes === 'string' ? toBytes(bytes) : bytes }
  return createListStorage(
    { read: async (known) => (known === null ? { ...read, version: '1', modified: 0 } : null) },
    options,
  )
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
