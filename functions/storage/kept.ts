import type { Digest } from '../wire/digest.ts'
import { StorageError } from '../wire/trouble.ts'

/** The place of a kept content among all that are kept: what `listKept` goes by. */
export function toKeptKey({ digest, name }: { readonly digest: Digest; readonly name: string }): string {
  return `${digest}/${name}`
}

/** The refusal to put back a content that is not there. */
export function notKept(): StorageError {
  return new StorageError('not-kept', 'no such content of that name is kept here')
}
