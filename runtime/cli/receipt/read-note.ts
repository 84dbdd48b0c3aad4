import { resolve } from 'node:path'
import type { PublicKey } from '../../../functions/proof/keys.ts'
import { NoteError } from '../../../functions/proof/note.ts'
import { attempt } from '../../../functions/wire/attempt.ts'
import { MAX_NOTE_LENGTH } from '../../../functions/wire/limits.ts'
import type { Io } from '../../hosting/io.ts'
import { readPublicKeys } from '../../hosting/keys.ts'
import { readSmallFile } from '../../node/files/small-file.ts'
import { UserError } from '../../node/user-error.ts'
import type { Options } from '../options/declaration.ts'
import type { RECEIPT } from '../options/receipts.ts'

export type ReceiptOptions = Options<typeof RECEIPT>

/** The keys of all these files; throws a UserError for none. */
export async function readKeys(paths: readonly string[], io: Io): Promise<readonly PublicKey[]> {
  if (paths.length === 0)
    throw new UserError(
      'receipt needs the keys of those whose word counts: --key FILE.pub, or keys of a cluster in the settings file; a server shows its own at /keys',
    )
  const all = await Promise.all(paths.map((path) => readPublicKeys(resolve(io.cwd, path))))
  return all.flat()
}

/** The text of a receipt; throws a UserError for a file that cannot be one. */
export function readNote(file: string, { cwd }: Io): string {
  const toMessage = (reason: string) =>
    `cannot read ${file} as a receipt: ${reason}; 'vouch get NAME --receipt FILE' writes one`
  // Four bytes a character at most.
  const bytes = readSmallFile(resolve(cwd, file), { most: 4 * MAX_NOTE_LENGTH, toMessage })
  const text = attempt(() => new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
  if (text === null) throw new UserError(`${file} is not a receipt: it is not UTF-8`)
  return text
}

/** As `work`, with a UserError in the place of a NoteError, which says that `file` is refused. */
export async function refusingNote<T>(file: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof NoteError) throw new UserError(`${file} is refused: ${error.message}`)
    throw error
  }
}
