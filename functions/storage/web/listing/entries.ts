import type { PassedKind } from '../../../wire/passed.ts'
import { StorageError } from '../../../wire/storage-error.ts'
import { toExample } from '../../byte-names.ts'
import type { Marks } from '../web-versions.ts'

/** What a server says of an entry of a directory. */
export interface WebEntry {
  /** One segment, without the slash at a directory's end; bytes that are not UTF-8 as by `decodeBytes`. */
  readonly name: string
  /** `unknown` when only HEAD shows whether it is a file or a directory; or why it is skipped. */
  readonly is: 'file' | 'directory' | 'unknown' | PassedKind
  /** Of a directory that is named by a link, which a server may write in a way that is not understood. */
  readonly isLinked?: true
  /** Of a file, and of no other. */
  readonly marks?: Marks | undefined
}

/** The error for a directory, '' for the first one, whose answer is not a listing. */
export function noListing(path: string, why: string): StorageError {
  const where = path === '' ? 'its directory' : `the directory '${toExample(path)}'`
  const message = `the web server shows no listing of ${where} that vouch reads: ${why}`
  return new StorageError('unreadable', message, { reason: 'http_protocol_error' })
}
