const encoder = new TextEncoder()

/** What stands around the parts of one multipart body (RFC 2046 §5.1.1). */
export interface Delimiters {
  readonly boundary: string
  /** What precedes a part with these fields. */
  toHead(fields: Readonly<Record<string, string>>): Uint8Array
  /** What follows the last part. */
  readonly end: Uint8Array
}

/** Chooses a boundary at random, so that no writer can make a content that contains it. */
export function createDelimiters(): Delimiters {
  const boundary = `vouch-${crypto.randomUUID()}`
  return {
    boundary,
    toHead(fields) {
      const lines = Object.entries(fields).map(([field, value]) => `${field}: ${value}\r\n`)
      return encoder.encode(`\r\n--${boundary}\r\n${lines.join('')}\r\n`)
    },
    end: encoder.encode(`\r\n--${boundary}--\r\n`),
  }
}
