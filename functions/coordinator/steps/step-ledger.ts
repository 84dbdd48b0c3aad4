import type { Range } from '../../storage/survey/survey.ts'
import type { AuditSummary } from '../../wire/schemas/audit.ts'
import type { Manifest } from '../../wire/schemas/manifest.ts'

/**
 * An audit of all names that is done in steps: several parts at the same time, each range by range in byte
 * order. Whoever does the steps may end at any moment, and others may do the same steps again.
 */
export interface Run {
  /** The number of the audit in the ledger. */
  readonly audit: number
  /** What names the run: when it was to begin, in milliseconds since 1970. */
  readonly began: number
  /** Where each part stands, by its number; null for a part that has ended. */
  readonly parts: readonly (Position | null)[]
}

/** Where a part of a run stands: its next step. */
export interface Position {
  readonly audit: number
  readonly part: number
  /** The number of the step, from 0. */
  readonly nth: number
  /** The step compares names after this one, up to `until`, the end of the part; null for the last part. */
  readonly after: string
  readonly until: string | null
}

/** What a step has compared: the names after `after`, and up to `reached`; null if those are all. */
export interface Step extends Pick<Position, 'audit' | 'part' | 'nth' | 'after'> {
  readonly reached: string | null
  /** Milliseconds since 1970. */
  readonly began: number
  readonly ended: number
  /** Of these names. The range is verified if no replica in it has failed. */
  readonly summary: AuditSummary
}

/** What a run in steps needs of a ledger. Every method rejects with an Error when the store fails. */
export interface StepLedger {
  /**
   * Begins a run. Resolves with the present one instead while one is under way, or if the last one has the
   * same `began`. It has as many parts of the same size as there is work for `stepNames` in each, but
   * `mostParts` at most: where to cut is known from the last run, and without one there is one part.
   */
  beginRun(began: number, sizes: { readonly stepNames: number; readonly mostParts: number }): Promise<Run>
  /** The run that is under way; null without one. */
  openRun(): Promise<Run | null>
  /** Where the part stands; null when it has ended. */
  findPosition(audit: number, part: number): Promise<Position | null>
  /**
   * Records a step and the names that it found not to be the same everywhere, all or nothing, and resolves
   * with the position after it. Of two steps with the same number the first one counts, and the second
   * changes nothing. Names of the range that differed before and do not any more have settled, unless a
   * replica has failed. The last step of the last part ends the audit.
   */
  noteStep(step: Step, manifests: readonly Manifest[]): Promise<Position | null>
  /** The summary of a run that this part has ended as the last of all; null otherwise. */
  findOutcome(audit: number, part: number): Promise<AuditSummary | null>
  /** The ranges of the last run that has ended, each with the number of its names, in order. */
  spans(): Promise<readonly RunSpan[]>
}

/** A range that a step has compared. */
export interface RunSpan extends Range {
  readonly names: number
}
