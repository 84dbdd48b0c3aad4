import type { Amount, Survey } from '../../storage/survey/survey.ts'
import type { AuditLine } from '../../wire/schemas/audit.ts'
import type { CoordinatorContext } from '../context.ts'
import type { SurveyContext } from './surveys.ts'

/** What an audit compares and reports. */
export interface AuditRequest extends Pick<Survey, 'prefix' | 'maxAge' | 'rate' | 'match' | 'exclude'> {
  /** Whether every name is reported, and not only those that are not `unanimous`. */
  readonly all: boolean
  /** Only names after this one in byte order. */
  readonly after?: string | undefined
  /** Only names up to this one. */
  readonly until?: string | undefined
  /** As in `Scope`. */
  readonly isVerification?: boolean | undefined
  /** Ends the audit before its last name. */
  readonly limit?: AuditLimit | undefined
  /** Has the replicas prove their copies. */
  readonly challenge?: Challenge | undefined
}

/** How far an audit goes. */
export interface AuditLimit {
  /**
   * Called with what was compared so far: after each name, in order, or after each span where spans are
   * compared, and within a long part that differs. The audit ends behind the first for which it returns true.
   * What a replica skipped between that name and its next one may count in this audit and in the one that
   * goes on: the places of skipped entries are not known.
   */
  isReached(compared: Compared): boolean
  /**
   * Called now and then, and at the end, when all names up to this one have been reported, as long as no
   * replica was left out; only of an audit that has a `maxAge` or reports all names.
   */
  onReported?(name: string): Promise<void>
}

/** Names, and the bytes of all their copies. */
export interface Compared extends Amount {
  /** How many of the names differ, or lie in spans that do. */
  readonly differing: number
}

export interface AuditContext
  extends Pick<CoordinatorContext, 'members' | 'corruptCopies' | 'exclude'>,
    Omit<SurveyContext, 'onProgress' | 'onPassed'> {
  /** Takes a line; resolves when there is room for the next. */
  readonly writeLine: (line: AuditLine) => Promise<void>
}

/** Which copies an audit has proved: those of a share of names, above 0 and at most 1, or enough of them. */
export interface Challenge {
  readonly share: number | Confidence
  /** Chooses those names, the same for the same seed; any text. */
  readonly seed: string
}

/** How sure an audit is to meet a bad name when at least the share `bad` of all is; both between 0 and 1. */
export interface Confidence {
  readonly sure: number
  readonly bad: number
}
