import { parseBase64, toBase64 } from '../bytes/base64.ts'
import { concatenate } from '../bytes/chunks.ts'
import { attempt } from '../wire/attempt.ts'
import { toBytes, toDigest } from '../wire/digest.ts'
import { MAX_NOTE_LENGTH, MAX_NOTE_LINES } from '../wire/limits.ts'
import { formatNumber } from '../wire/text.ts'
import { type PublicKey, SIGNATURE_BYTES, type Signer, verify } from './keys.ts'
import { formatStatement, parseStatement, type Statement, toMessage } from './statement.ts'

/** A text and the lines that sign it, in the form of C2SP (c2sp.org/signed-note). */
export interface Note {
  /** Ends with a line feed, and has no empty line. */
  readonly text: string
  readonly lines: readonly NoteLine[]
}

/** A line below the text that signs it: who, with which key, and the bytes. */
interface NoteLine {
  /** In the note, from 1. */
  readonly number: number
  readonly origin: string
  readonly keyId: string
  /** What follows the key's ID: by a key of vouch the statement, and the signature of it and the text. */
  readonly bytes: Uint8Array<ArrayBuffer>
}

/** A statement that a known key has signed. */
export interface Signed extends Statement {
  readonly origin: string
  readonly keyId: string
}

/** What a note is worth by the keys that are known. */
export interface VerifiedNote {
  readonly text: string
  /** In the order of the note; at least one. */
  readonly signed: readonly Signed[]
  /** The lines that are of other keys, which say nothing. */
  readonly unknown: readonly Pick<NoteLine, 'number' | 'origin' | 'keyId'>[]
}

/** Why a note is refused, with its line where it is one's fault. */
export class NoteError extends Error {
  override readonly name = 'NoteError'
}

const decoder = new TextDecoder('utf-8', { fatal: true })

/** A line that signs `text` with the statement. */
export async function signLine(signer: Signer, statement: Statement, text: string): Promise<string> {
  const words = formatStatement(statement)
  const signature = await signer.sign(toMessage(words, text))
  const { origin, id } = signer.key
  const bytes = concatenate([toBytes(id), new TextEncoder().encode(words), signature])
  return `\u2014 ${origin} ${toBase64(bytes)}`
}

/** The note of a text and at least one line. */
export function formatNote(text: string, lines: readonly string[]): string {
  return `${text}\n${lines.map((line) => `${line}\n`).join('')}`
}

/** Parses a note, of whatever keys. Throws a NoteError, which names the line where one is at fault. */
export function parseNote(note: string): Note {
  if (note.length > MAX_NOTE_LENGTH)
    throw new NoteError(`a receipt has at most ${formatNumber(MAX_NOTE_LENGTH)} characters; this is longer`)
  const end = note.indexOf('\n\n') + 1
  if (end < 2) throw new NoteError('this is not a receipt: it has no empty line with signatures below it')
  if (!note.endsWith('\n'))
    throw new NoteError('the last line of a receipt ends with a line feed; it was cut')
  const text = note.slice(0, end)
  requireText(text)
  const first = text.split('\n').length + 1
  const below = note.slice(end + 1, -1).split('\n')
  if (below.length > MAX_NOTE_LINES)
    throw new NoteError(`a receipt has at most ${MAX_NOTE_LINES} signatures, got ${below.length}`)
  return { text, lines: below.map((line, i) => parseLine(line, first + i)) }
}

/** Notes have no control characters but line feeds: those act on terminals, and hide text. */
function requireText(text: string): void {
  const at = text.split('\n').findIndex((line) => /[\x00-\x1f\x7f]/.test(line))
  if (at >= 0) throw new NoteError(`line ${at + 1} has a control character`)
}

function parseLine(line: string, number: number): NoteLine {
  const [, origin, encoded = ''] = /^\u2014 ([^\s+]+) ([A-Za-z0-9+/]+={0,2})$/u.exec(line) ?? []
  const bytes = parseBase64(encoded)
  if (origin === undefined || bytes === null || bytes.length <= 4)
    throw new NoteError(`line ${number} is not a signature: — NAME BASE64`)
  return { number, origin, keyId: toDigest(bytes.subarray(0, 4)), bytes: bytes.slice(4) }
}

/**
 * Verifies a note by these keys; lines of other keys count for nothing. Throws a NoteError for a text that
 * is not a note, for a line of a known key that does not sign exactly this text, and when no line is of a
 * known key (c2sp.org/signed-note, "Signatures").
 */
export async function verifyNote(note: string, keys: readonly PublicKey[]): Promise<VerifiedNote> {
  const { text, lines } = parseNote(note)
  const signed: Signed[] = []
  const unknown: VerifiedNote['unknown'][number][] = []
  const seen = new Set<string>()
  for (const line of lines) {
    const { origin, keyId, number } = line
    const key = keys.find((one) => one.origin === origin && one.id === keyId)
    if (key === undefined) {
      unknown.push({ number, origin, keyId })
      continue
    }
    const statement = await verifyLine(key, line, text)
    if (statement === null)
      throw new NoteError(`line ${number}: this is not what ${origin} (key ${keyId}) has signed`)
    const once = `${origin} ${keyId} ${statement.of ?? ''}`
    if (seen.has(once)) throw new NoteError(`line ${number}: ${origin} (key ${keyId}) signs a second time`)
    seen.add(once)
    signed.push({ ...statement, origin, keyId })
  }
  if (signed.length > 0) return { text, signed, unknown }
  const others = unknown.map(({ origin, keyId }) => `${origin} (key ${keyId})`).join(', ')
  throw new NoteError(`none of the keys given has signed this; it names ${others}`)
}

/** What a line says; null unless it is of a key of vouch. It proves nothing without `verifyNote`. */
export function readStatement({ bytes }: NoteLine): Statement | null {
  const words = attempt(() => decoder.decode(bytes.subarray(0, -SIGNATURE_BYTES)))
  return words === null ? null : parseStatement(words)
}

/** What a line states of `text`; null unless this key has signed both. */
async function verifyLine(key: PublicKey, line: NoteLine, text: string): Promise<Statement | null> {
  const statement = readStatement(line)
  if (statement === null) return null
  const message = toMessage(formatStatement(statement), text)
  return (await verify(key, message, line.bytes.slice(-SIGNATURE_BYTES))) ? statement : null
}
