import { statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { PublicKey } from '../../../functions/proof/keys.ts'
import { NoteError } from '../../../functions/proof/note.ts'
import { MAX_NOTE_LENGTH } from '../../../functions/wire/limits.ts'
import { formatNumber } from '../../../functions/wire/text.ts'
import type { Io } from '../../hosting/io.ts'
import { readPublicKeys } from '../../hosting/keys.ts'
import { toReason } from '../../node/files/errno.ts'
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
export async function readNote(file: string, { cwd }: Io): Promise<string> {
  const path = resolve(cwd, file)
  try {
    const stats = statSync(path)
    if (!stats.isFile()) throw new Error('it is not a file')
    // Four bytes a character at most.
    if (stats.size > 4 * MAX_NOTE_LENGTH)
      throw new Error(`it has ${formatNumber(stats.size)} bytes, and no receipt has so many`)
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(await readFile(path))
  } catch (error) {
    throw new UserError(`cannot read ${file} as a receipt: ${toReason(error)}`)
  }
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
