import type { Observed, Usage } from './usage.ts'

/** What one round of one row came to; absent is not measured. */
export interface Figures {
  /** Reads that were answered as expected. */
  readonly reads?: number
  /** Reads a second. */
  readonly rate?: number
  /** Milliseconds. */
  readonly p50?: number
  readonly p99?: number
  /** MiB a second. */
  readonly speed?: number
  /** Milliseconds until the first byte. */
  readonly firstByte?: number
  /** Digests computed by all servers of the row; absent when they did not show it. */
  readonly computed?: number
  /** What all servers of the row hold more at the end than at half-time. */
  readonly grownMiB?: number
  readonly grownDescriptors?: number
}

/** One round of one row of the table. */
export interface Sample {
  readonly row: string
  readonly figures: Figures
  readonly usage: readonly Usage[]
}

/** Something that is measured once a round. */
export interface Measurement {
  /** Those that it makes a sample of. */
  readonly rows: readonly string[]
  /** Measured once and not in every round, for its length. */
  readonly single?: true
  /** Starts processes of its own each time: nothing is to be warmed before the first round. */
  readonly fresh?: true
  /** Rejects when something answered otherwise than expected: such a figure would mean nothing. */
  run(): Promise<readonly Sample[]>
}

/** The measurement of one row, by `work`. */
export function toMeasurement(row: string, work: () => Promise<Observed<Figures>>): Measurement {
  return { rows: [row], run: async () => [toSample(row, await work())] }
}

/** One round of `row`. */
export function toSample(row: string, { result, usage }: Observed<Figures>): Sample {
  return { row, figures: result, usage }
}

/** `work`, done at the first call only; every call gets its result. */
export function once<T>(work: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined
  return () => {
    result ??= work()
    return result
  }
}
