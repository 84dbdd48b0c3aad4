import { NoteError, parseNote, readStatement } from '../../../functions/proof/note.ts'
import { type Content, parseReceiptText } from '../../../functions/proof/receipt.ts'
import { toFilePath } from '../../../functions/wire/fields/routes.ts'
import { MAX_NOTE_LENGTH } from '../../../functions/wire/limits.ts'
import { formatCount } from '../../../functions/wire/text.ts'
import { type Io, say } from '../../hosting/io.ts'
import { UserError } from '../../node/user-error.ts'
import {
  type CoordinatorClient,
  NOT_A_COORDINATOR,
  NotACoordinator,
  readBody,
  readProblem,
  toLine,
} from '../client/coordinator-client.ts'
import type { Report } from '../terminal/get-report.ts'
import { writeReceipt } from './write-receipt.ts'

interface ReceiptTask {
  readonly ask: CoordinatorClient
  /** Of the compared read: empty, or with its question mark. */
  readonly query: string
  /** Where it is written. */
  readonly path: string
}

/**
 * Writes the receipt of a file that was received. Throws a UserError when nobody signs it, or when the
 * receipt is of another content; the file stays.
 */
export async function getReceipt(report: Report, { ask, query, path }: ReceiptTask, io: Io): Promise<void> {
  const { name, written, unchanged, replicas } = report
  const got = written[0] ?? unchanged
  if (got === undefined) throw new Error('a file was received or was there already')
  const asked = new URLSearchParams(query)
  asked.set('version', got.digest)
  asked.set('receipt', '')
  const response = await ask(`${toFilePath(name)}?${asked}`)
  if (response.status !== 200)
    throw new UserError(`no receipt was written: ${name}: ${toLine(await readProblem(response))}`)
  const note = (await readBody(response, MAX_NOTE_LENGTH)) ?? ''
  const signers = readSigners(note, { name, digest: got.digest, size: got.size })
  await writeReceipt(note, path, io)
  const holders = replicas.filter(({ state }) => state === 'match').length
  say(io, `${path} is signed by ${signers.join(', ')}`)
  if (signers.length < holders)
    say(
      io,
      `warning: ${formatCount(holders, 'replica holds', 'replicas hold')} this content, and not all of them have signed`,
    )
}

/**
 * The signers that a receipt names, each with the replica that it signs for, and once, by however many keys.
 * Throws a UserError for a note that is not a receipt, or is the receipt of another content.
 */
function readSigners(note: string, content: Content): string[] {
  try {
    const { text, lines } = parseNote(note)
    const said = parseReceiptText(text)
    const { name, digest, size } = content
    if (said.name !== name || said.digest !== digest || said.size !== size)
      throw new UserError('no receipt was written: the coordinator sent that of another content')
    const signers = lines.map((line) => [line.origin, readStatement(line)?.of ?? []].flat().join(' for '))
    return [...new Set(signers)]
  } catch (error) {
    if (error instanceof NoteError) throw new NotACoordinator(NOT_A_COORDINATOR)
    throw error
  }
}
