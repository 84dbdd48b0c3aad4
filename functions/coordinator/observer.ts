import type { AuditSummary } from '../wire/schemas/audit.ts'
import type { StorageError } from '../wire/storage-error.ts'

/** An audit that ended. */
export interface Audited {
  /** Whether it compared all names, without a prefix or globs. */
  readonly isWhole: boolean
  /** Its duration in milliseconds. */
  readonly ms: number
  /** Null when it broke off, or its client left before the end. */
  readonly summary: AuditSummary | null
}

/** Notified while a read waits, so each method must return at once and never throw. `id` is a replica's. */
export interface Observer {
  /** A replica answered one request, for one name or many, within `ms`; answers may be errors. */
  onAsked(id: string, ms: number): void
  /** A replica sent an error in the place of an answer, of bytes, or of the rest of them. */
  onFailed(id: string, error: StorageError): void
  /** The breaker of a replica's reads opened or closed. */
  onBreaker(id: string, isOpen: boolean): void
  onAudited(audited: Audited): void
}
