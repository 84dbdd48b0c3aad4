/**
 * A request's way through several servers: 32 hexadecimal digits (W3C Trace Context §3.2.2.3), and where it is known
 * which step of the way this is, `-` and 16 more (§3.2.2.4).
 */
export type Trace = string

/** What is the same in every step of the way, for logs: the first 32 digits. */
export function toTraceId(trace: Trace): string {
  return trace.slice(0, 32)
}

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

/** The field that carries `trace` on to the next server, with an id for this step where it has none. */
export function toTraceparent(trace: Trace): string {
  const [id, step = toHex(crypto.getRandomValues(new Uint8Array(8)))] = trace.split('-')
  return `00-${id}-${step}-01`
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
