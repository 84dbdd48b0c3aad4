/** A request's way through several servers, for logs: 32 hexadecimal digits (W3C Trace Context §3.2.2.3). */
export type Trace = string

/** The trace that a `traceparent` field names; null when it is malformed, or of zeros, which name none. */
export function parseTraceparent(field: string): Trace | null {
  const [, trace = '', parent = ''] =
    /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(?:-|$)/.exec(field) ?? []
  return /[1-9a-f]/.test(trace) && /[1-9a-f]/.test(parent) ? trace : null
}

/** A trace that no other request has. */
export function createTrace(): Trace {
  return toHex(crypto.getRandomValues(new Uint8Array(16)))
}

/** The field that carries `trace` on to the next server, with an id for this step. */
export function toTraceparent(trace: Trace): string {
  return `00-${trace}-${toHex(crypto.getRandomValues(new Uint8Array(8)))}-01`
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
