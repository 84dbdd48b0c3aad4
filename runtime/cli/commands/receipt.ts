import { statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { PublicKey } from '../../../functions/proof/keys.ts'
import { NoteError, type VerifiedNote, verifyNote } from '../../../functions/proof/note.ts'
import { type Content, parseReceiptText } from '../../../functions/proof/receipt.ts'
import { MAX_NOTE_LENGTH } from '../../../functions/wire/limits.ts'
import { escapeControls, formatNumber } from '../../../functions/wire/text.ts'
import { type Io, say, toJsonLine, writeOut } from '../../hosting/io.ts'
import { readPublicKeys } from '../../hosting/keys.ts'
import { toReason } from '../../node/files/errno.ts'
import { UserError } from '../../node/user-error.ts'
import type { Command } from '../options/command.ts'
import { readOptions } from '../options/declaration.ts'
import { RECEIPT } from '../options/receipts.ts'
import { toSignedWords } from '../receipt/words.ts'

export const receipt: Command = {
  async run(given, io) {
    const options = readOptions(RECEIPT, given)
    const [verb, file, ...more] = given.operands
    if (verb !== 'verify' || !file || more.length > 0)
      throw new UserError(`receipt takes verify FILE, got '${given.operands.join(' ')}'`)
    const keys = await readKeys(options.key, io)
    const path = resolve(io.cwd, file)
    const note = await readNote(path, file)
    try {
      const verified = await verifyNote(note, keys)
      return await print(verified, parseReceiptText(verified.text), { keys, json: options.json, io })
    } catch (error) {
      if (error instanceof NoteError) throw new UserError(`${file} is refused: ${error.message}`)
      throw error
    }
  },
}

async function readKeys(paths: readonly string[], io: Io): Promise<readonly PublicKey[]> {
  if (paths.length === 0)
    throw new UserError(
      'receipt verify needs the keys of those whose word counts: --key FILE.pub, or keys of a cluster in the settings file; a server shows its own at /keys',
    )
  const all = await Promise.all(paths.map((path) => readPublicKeys(resolve(io.cwd, path))))
  return all.flat()
}

async function readNote(path: string, file: string): Promise<string> {
  try {
    const { size } = statSync(path)
    // Four bytes a character at most.
    if (size > 4 * MAX_NOTE_LENGTH)
      throw new Error(`it has ${formatNumber(size)} bytes, which no receipt has`)
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(await readFile(path))
  } catch (error) {
    throw new UserError(`cannot read ${file} as a receipt: ${toReason(error)}`)
  }
}

interface Printing {
  readonly keys: readonly PublicKey[]
  readonly json: boolean
  readonly io: Io
}

/** Prints what is signed, and by whom; resolves with the exit status. */
async function print(
  { signed, unknown }: VerifiedNote,
  { name, digest, size }: Content,
  { keys, json, io }: Printing,
): Promise<number> {
  const missing = [...new Set(keys.map(({ origin }) => origin))].filter((origin) =>
    signed.every((one) => one.origin !== origin),
  )
  const report = { name, digest, size, signed, missing, unknown }
  const lines = [
    `${escapeControls(name)}: ${formatNumber(size)} bytes, SHA-256 ${digest}`,
    ...signed.map((one) => `signed by ${toSignedWords(one)}`),
  ]
  await writeOut(io, json ? toJsonLine(report) : lines.map((line) => `${line}\n`).join(''))
  for (const { number, origin, keyId } of unknown)
    say(
      io,
      `warning: line ${number} is of a key that was not given, and counts for nothing: ${origin} (key ${keyId})`,
    )
  for (const origin of missing) say(io, `warning: ${origin} has not signed this`)
  return missing.length === 0 ? 0 : 1
}
