import { signLine, verifyNote } from '../../../functions/proof/note.ts'
import type { Io } from '../../hosting/io.ts'
import { openSigners } from '../../hosting/keys.ts'
import { UserError } from '../../node/user-error.ts'
import { type ReceiptOptions, readKeys, readNote, refusingNote } from './read-note.ts'
import { writeReceipt } from './write-receipt.ts'

/** Adds a line to a valid receipt which says that it was there now; resolves with the exit status. */
export async function runWitness(file: string, options: ReceiptOptions, io: Io): Promise<number> {
  const { sign, output = file } = options
  if (sign.length === 0) throw new UserError('receipt witness needs --sign KEY, the key of the witness')
  const signers = await openSigners(sign, [], io)
  const note = readNote(file, io)
  const { text, signed } = await refusingNote(file, async () =>
    verifyNote(note, await readKeys(options.key, io)),
  )
  const time = Math.floor(Date.now() / 1000)
  const lines = []
  for (const signer of signers) {
    const { origin, id } = signer.key
    if (signed.some((one) => one.origin === origin && one.keyId === id))
      throw new UserError(`${origin} has signed ${file} already`)
    lines.push(await signLine(signer, { basis: 'seen', time }, text))
  }
  await writeReceipt(`${note}${lines.map((line) => `${line}\n`).join('')}`, output, io)
  return 0
}
