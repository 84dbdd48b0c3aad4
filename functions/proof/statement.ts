import { isValid } from '../wire/json/parse.ts'
import { replicaId } from '../wire/schemas/values.ts'

/**
 * How the signer knows what the text says. `read`: from the bytes, read at that time. `stored`: from the
 * store's own checksum, and `recorded`: from a list, as it was at that time. `seen`: it does not know, and
 * says only that the text was there at that time.
 */
const BASES = ['read', 'stored', 'recorded', 'seen'] as const

/** What one signature says of the text above it, beside that it is so. */
export interface Statement {
  readonly basis: (typeof BASES)[number]
  /** Whole seconds since 1970, by the clock of the signer. */
  readonly time: number
  /** The id of the replica that holds it, where a coordinator signs for one that does not sign itself. */
  readonly of?: string | undefined
}

const PATTERN = /^([a-z]{4,8}) (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)(?: of ([^ ]+))?$/

/** A statement in words: `read 2026-01-31T12:00:00Z`, `stored 2026-01-31T12:00:00Z of bucket`. */
export function formatStatement({ basis, time, of }: Statement): string {
  const words = `${basis} ${formatTime(time)}`
  return of === undefined ? words : `${words} of ${of}`
}

/** Parses what `formatStatement` writes; null for anything else. */
export function parseStatement(text: string): Statement | null {
  const [, word, date = '', of] = PATTERN.exec(text) ?? []
  const basis = BASES.find((one) => one === word)
  const ms = Date.parse(date)
  if (basis === undefined || Number.isNaN(ms)) return null
  const time = ms / 1000
  // A day that the month does not have is another one.
  if (formatTime(time) !== date || (of !== undefined && !isValid(replicaId, of))) return null
  return of === undefined ? { basis, time } : { basis, time, of }
}

/** Seconds since 1970 as RFC 3339 has them, in UTC. */
function formatTime(time: number): string {
  return `${new Date(time * 1000).toISOString().slice(0, -5)}Z`
}

const encoder = new TextEncoder()

/**
 * The bytes that are signed: a first line by which nothing else that a key may ever sign begins, the
 * statement, and the text that it is about.
 */
export function toMessage(statement: string, text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(`vouch-statement/v1\n${statement}\n${text}`)
}
