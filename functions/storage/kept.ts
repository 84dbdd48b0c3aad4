import type { Digest } from '../wire/digest.ts'
import { StorageError } from '../wire/storage-error.ts'
import { requireName } from './names.ts'
import type { KeptPage, ListKeptOptions, Storage } from './storage.ts'

/** The place of a replaced content in the order of `listKept`. */
export function toKeptKey({ digest, name }: { readonly digest: Digest; readonly name: string }): string {
  return `${digest}/${name}`
}

/** The storage's own list of replaced contents; an empty page from a storage without `listKept`. */
export async function readKept(storage: Storage, options: ListKeptOptions = {}): Promise<KeptPage> {
  if (storage.listKept) return await storage.listKept(options)
  options.signal?.throwIfAborted()
  if (options.name !== undefined) requireName(options.name)
  return { entries: [], next: null }
}

/** The error of a `restore` whose content is not kept. */
export function notKept(): StorageError {
  return new StorageError('not-kept', 'no such content of that name is kept here')
}
