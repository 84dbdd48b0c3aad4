import { parseNote } from '../../../functions/proof/note.ts'
import { formatPath, parseTreeText } from '../../../functions/proof/tree-text.ts'
import type { Io } from '../../hosting/io.ts'
import { UserError } from '../../node/user-error.ts'
import { requireName } from '../client/source.ts'
import { readFiles, requireOf } from './files.ts'
import { type ReceiptOptions, readNote, refusingNote } from './read-note.ts'
import { writeReceipt } from './write-receipt.ts'

/** Writes the receipt of one file of a signed tree. */
export async function runPath(file: string, text: string, options: ReceiptOptions, io: Io): Promise<number> {
  const { files: target, output } = options
  const name = requireName(text, 'receipt path FILE')
  if (target === undefined)
    throw new UserError(
      'receipt path needs --files TARGET, the files of the tree, such as manifest:SHA256SUMS',
    )
  const note = readNote(file, io)
  const signed = await refusingNote(file, () => parseTreeText(parseNote(note).text))
  const { prefix } = signed
  let found: string | undefined
  const onFile = (one: string, digest: string) => {
    if (one === name) found = digest
  }
  const tree = await readFiles(target, { prefix, wanted: name, onFile }, options, io)
  requireOf(tree, signed, target)
  if (tree.path === null || found === undefined)
    throw new UserError(`'${name}' is not among the ${signed.files} files that were signed`)
  const receipt = formatPath({ name, digest: found, ...tree.path }, note)
  await writeReceipt(receipt, output, io)
  return 0
}
