import type { PublicKey } from '../../../functions/proof/keys.ts'
import { NoteError, type VerifiedNote, verifyNote } from '../../../functions/proof/note.ts'
import { parseReceiptText } from '../../../functions/proof/receipt.ts'
import { createHash, followPath, hashLeaf } from '../../../functions/proof/tree.ts'
import { type Placed, parsePath, parseTreeText, type Tree } from '../../../functions/proof/tree-text.ts'
import { escapeControls, formatNumber } from '../../../functions/wire/text.ts'
import { type Io, say, toJsonLine, writeOut } from '../../hosting/io.ts'
import { createHasher } from '../../node/hasher.ts'
import { UserError } from '../../node/user-error.ts'
import { type ReceiptOptions, readKeys, readNote, refusingNote } from './read-note.ts'
import { checkFiles, compareTrees } from './since.ts'
import { toSignedWords } from './words.ts'

/** What a receipt says, in words and for programs, and the tree that it is of, if any. */
interface Said {
  readonly words: string
  readonly content: object
  /** Of a tree itself, and not of a file in it. */
  readonly tree?: Tree
  /** Whether it is a tree that was signed. */
  readonly isTree: boolean
}

/** Verifies a receipt, a tree or a path; resolves with the exit status. */
export async function runVerify(file: string, options: ReceiptOptions, io: Io): Promise<number> {
  const { since, files, sinceFiles } = options
  const keys = await readKeys(options.key, io)
  const { verified, said } = await verifyFile(file, keys, io)
  const { tree } = said
  if (tree === undefined && (since ?? files ?? sinceFiles) !== undefined)
    throw new UserError(
      `--since, --files and --since-files are for trees, and ${file} is the receipt of one file`,
    )
  const status = await print(verified, said, { keys, json: options.json, io })
  if (tree === undefined) return status
  if (since === undefined) {
    if (sinceFiles !== undefined) throw new UserError('--since-files needs --since, the tree that is of them')
    return files === undefined ? status : Math.max(status, await checkFiles(tree, files, options, io))
  }
  const old = await verifyFile(since, keys, io)
  if (old.said.tree === undefined)
    throw new UserError(`--since takes a tree, and ${since} is the receipt of one file`)
  sayMissing(old.verified, keys, io)
  const changed = await compareTrees({ old: old.said.tree, now: tree }, options, io)
  return Math.max(status, findMissing(old.verified, keys).length > 0 ? 1 : 0, changed)
}

async function verifyFile(file: string, keys: readonly PublicKey[], io: Io) {
  const text = readNote(file, io)
  return await refusingNote(file, async (): Promise<{ verified: VerifiedNote; said: Said }> => {
    if (text.startsWith('vouch-path/')) return await verifyPath(text, keys)
    const verified = await verifyNote(text, keys)
    return { verified, said: text.startsWith('vouch-tree/') ? toTree(verified) : toReceipt(verified) }
  })
}

function toReceipt({ text }: VerifiedNote): Said {
  const content = parseReceiptText(text)
  const { name, digest, size } = content
  return {
    words: `${escapeControls(name)}: ${formatNumber(size)} bytes, SHA-256 ${digest}`,
    content,
    isTree: false,
  }
}

function toTree({ text }: VerifiedNote): Said {
  const tree = parseTreeText(text)
  return { words: toTreeWords(tree), content: tree, tree, isTree: true }
}

function toTreeWords({ prefix, files, root }: Tree): string {
  const names = prefix === '' ? 'all files' : `all files whose names start with ${escapeControls(prefix)}`
  return `${names}: ${formatNumber(files)}, root ${root}`
}

/** The path has to lead from the file to the root that is signed. */
async function verifyPath(text: string, keys: readonly PublicKey[]) {
  const { placed, note } = parsePath(text)
  const verified = await verifyNote(note, keys)
  const tree = parseTreeText(verified.text)
  await requirePath(placed, tree)
  const { name, digest, place } = placed
  const words = `${escapeControls(name)}: SHA-256 ${digest}, one of ${toTreeWords(tree)}`
  return { verified, said: { words, content: { name, digest, place, ...tree }, isTree: true } }
}

async function requirePath(placed: Placed, { prefix, files, root }: Tree): Promise<void> {
  const { name, digest } = placed
  const hash = createHash(createHasher)
  const found = await followPath(hash, await hashLeaf(hash, name, digest), placed, files)
  if (found !== root || !name.startsWith(prefix))
    throw new NoteError(
      'lines 2 to the first empty one: this file and its path do not lead to the root that is signed',
    )
}

interface Printing {
  readonly keys: readonly PublicKey[]
  readonly json: boolean
  readonly io: Io
}

/** Prints what is signed, and by whom; resolves with the exit status. */
async function print(verified: VerifiedNote, said: Said, { keys, json, io }: Printing) {
  const { signed, unknown } = verified
  const { words, content } = said
  const missing = findMissing(verified, keys)
  const report = { ...content, signed, missing, unknown }
  const lines = [words, ...signed.map((one) => `signed by ${toSignedWords(one, said.isTree)}`)]
  await writeOut(io, json ? toJsonLine(report) : lines.map((line) => `${line}\n`).join(''))
  for (const { number, origin, keyId } of unknown)
    say(
      io,
      `warning: line ${number} is of a key that was not given, and counts for nothing: ${origin} (key ${keyId})`,
    )
  sayMissing(verified, keys, io)
  return missing.length === 0 ? 0 : 1
}

function sayMissing(verified: VerifiedNote, keys: readonly PublicKey[], io: Io): void {
  for (const origin of findMissing(verified, keys)) say(io, `warning: ${origin} has not signed this`)
}

/** The names of the keys given of which none has signed. */
function findMissing({ signed }: VerifiedNote, keys: readonly PublicKey[]): string[] {
  const origins = new Set(keys.map(({ origin }) => origin))
  for (const { origin } of signed) origins.delete(origin)
  return [...origins]
}
