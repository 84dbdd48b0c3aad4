import { parseBase64, toBase64 } from '../bytes/base64.ts'
import { parseName } from '../storage/names.ts'
import { attempt } from '../wire/attempt.ts'
import { type Digest, toBytes, toDigest } from '../wire/digest.ts'
import { toNamedPath } from '../wire/fields/routes.ts'
import { NoteError } from './note.ts'
import type { Path } from './tree.ts'

/** What the text of a tree says. */
export interface Tree {
  /** The tree is of all files whose names start with this string. */
  readonly prefix: string
  readonly files: number
  /** Of the Merkle tree over them, in the byte order of their names. */
  readonly root: Digest
}

const TREE = /^vouch-tree\/v1\nnames ([^\n]*)\*\nfiles (0|[1-9]\d{0,15})\nroot ([0-9a-f]{64})\n$/

/** The text that every replica with the same files signs. */
export function toTreeText({ prefix, files, root }: Tree): string {
  return `vouch-tree/v1\nnames ${toNamedPath('', prefix)}*\nfiles ${files}\nroot ${root}\n`
}

/** Parses such a text; throws a NoteError for anything that `toTreeText` does not write. */
export function parseTreeText(text: string): Tree {
  const [, encoded, number, root = ''] = TREE.exec(text) ?? []
  const prefix = encoded === undefined ? null : attempt(() => decodeURIComponent(encoded))
  const tree = prefix === null ? null : { prefix, files: Number(number), root }
  if (tree !== null && Number.isSafeInteger(tree.files) && toTreeText(tree) === text) return tree
  const lines = "'vouch-tree/v1', 'names PREFIX*', 'files NUMBER', 'root HEX'"
  throw new NoteError(`the text of a tree has the lines ${lines}; this has others`)
}

/** A file, and its path to the root of a tree that somebody has signed. */
export interface Placed extends Path {
  readonly name: string
  readonly digest: Digest
}

const PATH =
  /^vouch-path\/v1\nfile ([^\n]+)\nsha-256 ([0-9a-f]{64})\nplace (0|[1-9]\d{0,15})\n((?:[A-Za-z0-9+/]{43}=\n){0,53})$/

/** The receipt of a file in a tree: its path, an empty line, and the note of the tree. */
export function formatPath({ name, digest, place, hashes }: Placed, note: string): string {
  const lines = hashes.map((one) => `${toBase64(toBytes(one))}\n`).join('')
  return `vouch-path/v1\nfile ${toNamedPath('', name)}\nsha-256 ${digest}\nplace ${place}\n${lines}\n${note}`
}

/** Parses such a receipt; throws a NoteError for anything that `formatPath` does not write. */
export function parsePath(text: string): { readonly placed: Placed; readonly note: string } {
  const end = text.indexOf('\n\n') + 1
  const [, encoded = '', digest = '', number, lines = ''] = PATH.exec(text.slice(0, end)) ?? []
  const name = parseName(attempt(() => decodeURIComponent(encoded)) ?? '')
  const bytes = lines.split('\n').slice(0, -1).map(parseBase64)
  const hashes = bytes.flatMap((one) => (one === null ? [] : toDigest(one)))
  const note = text.slice(end + 1)
  const placed = name === null ? null : { name, digest, place: Number(number), hashes }
  if (placed !== null && Number.isSafeInteger(placed.place) && formatPath(placed, note) === text)
    return { placed, note }
  const rule = "'vouch-path/v1', 'file NAME', 'sha-256 HEX', 'place NUMBER', hashes in base64"
  throw new NoteError(`a path begins with the lines ${rule}; this has others`)
}
