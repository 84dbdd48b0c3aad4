import { toDigest } from '../digest.ts'

/**
 * The trace of a request through several servers: 32 hexadecimal digits (W3C Trace Context §3.2.2.3), and
 * `-` and 16 more for this server's step if known (§3.2.2.4).
 */
export type Trace = string

/** The id that all steps share, for logs: the first 32 digits. */
export function toTraceId(trace: Trace): string {
  return trace.slice(0, 32)
}

/** The trace in a `traceparent` field; null when it is malformed or all zeros, which is not valid. */
export function parseTraceparent(field: string): Trace | null {
  const [, trace = '', parent = ''] =
    /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(?:-|$)/.exec(field) ?? []
  return /[1-9a-f]/.test(trace) && /[1-9a-f]/.test(parent) ? trace : null
}

export function createTrace(): Trace {
  return toDigest(crypto.getRandomValues(new Uint8Array(16)))
}

/** The `traceparent` field that sends `trace` on, with a new id for this step if it has none. */
export function toTraceparent(trace: Trace): string {
  const [id, step = toDigest(crypto.getRandomValues(new Uint8Array(8)))] = trace.split('-')
  return `00-${id}-${step}-01`
}
