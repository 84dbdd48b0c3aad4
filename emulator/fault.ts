import * as v from 'valibot'

const bytes = v.pipe(v.number(), v.safeInteger(), v.minValue(0))

/** The faults of a replica. */
export const fault = v.variant('type', [
  /** It cannot be reached. */
  v.object({ type: v.literal('down') }),
  /** It answers after `ms` milliseconds. */
  v.object({ type: v.literal('slow'), ms: v.pipe(v.number(), v.minValue(0), v.maxValue(600_000)) }),
  /** It answers everything with this status. */
  v.object({
    type: v.literal('status'),
    status: v.pipe(v.number(), v.integer(), v.minValue(400), v.maxValue(599)),
  }),
  /** It breaks a file off after so many bytes. */
  v.object({ type: v.literal('cut'), after: bytes }),
  /** It sends files with one byte flipped, and announces the right ones. */
  v.object({ type: v.literal('wrong-bytes') }),
])
export type Fault = v.InferOutput<typeof fault>

/** A fault of each kind, for people. */
export const FAULTS = [
  '{"type":"down"}',
  '{"type":"slow","ms":3000}',
  '{"type":"status","status":500}',
  '{"type":"cut","after":1000}',
  '{"type":"wrong-bytes"}',
] as const
