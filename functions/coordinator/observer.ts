import type { AuditSummary } from '../wire/schemas.ts'
import type { StorageError } from '../wire/trouble.ts'

/** An audit that ended. */
export interface Audited {
  /** Whether it looked at all names, and not only at those that a prefix or a glob wants. */
  readonly isWhole: boolean
  /** Milliseconds that it took. */
  readonly ms: number
  /** Null when it broke off, or nobody read it to its end. */
  readonly summary: AuditSummary | null
}

/**
 * Who hears of what a coordinator does beyond what its log tells of each request. Every method is called on the way of
 * a read, so it returns at once, and never throws. `id` is a replica's.
 */
export interface Observer {
  /** A replica was asked one question, of one name or many, and every name got its answer or its error within `ms`. */
  onAsked(id: string, ms: number): void
  /** A replica gave an error in the place of an answer, of bytes, or of the rest of them. */
  onFailed(id: string, error: StorageError): void
  /** A replica is not asked for a while, or is asked again. */
  onBreaker(id: string, isOpen: boolean): void
  onAudited(audited: Audited): void
}

/** Where nobody wants to hear of it. */
export const SILENT: Observer = { onAsked() {}, onFailed() {}, onBreaker() {}, onAudited() {} }
