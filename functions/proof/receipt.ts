import { parseName } from '../storage/names.ts'
import { attempt } from '../wire/attempt.ts'
import type { Digest } from '../wire/digest.ts'
import { toNamedPath } from '../wire/fields/routes.ts'
import { NoteError } from './note.ts'

/** What the text of a receipt says. */
export interface Content {
  readonly name: string
  /** A SHA-256. */
  readonly digest: Digest
  /** Bytes. */
  readonly size: number
}

/** The media type of a receipt. */
export const RECEIPT_TYPE = 'text/vouch-receipt'

const PATTERN = /^vouch-receipt\/v1\nfile ([^\n]+)\nsha-256 ([0-9a-f]{64})\nbytes (0|[1-9]\d{0,15})\n$/

/**
 * The text that every holder of a content signs, so that holders of other contents cannot sign it: four
 * lines. The name is percent-encoded as in a URL, and so are its control characters.
 */
export function toReceiptText({ name, digest, size }: Content): string {
  return `vouch-receipt/v1\nfile ${toNamedPath('', name)}\nsha-256 ${digest}\nbytes ${size}\n`
}

/** Parses such a text; throws a NoteError for anything that `toReceiptText` does not write. */
export function parseReceiptText(text: string): Content {
  const [, encoded = '', digest = '', bytes = ''] = PATTERN.exec(text) ?? []
  const name = parseName(attempt(() => decodeURIComponent(encoded)) ?? '')
  const size = Number(bytes)
  if (name !== null && Number.isSafeInteger(size) && toReceiptText({ name, digest, size }) === text)
    return { name, digest, size }
  const lines = "'vouch-receipt/v1', 'file NAME', 'sha-256 HEX', 'bytes NUMBER'"
  throw new NoteError(`the text of a receipt has the lines ${lines}; this has others`)
}
