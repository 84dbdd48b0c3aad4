import { StorageError, type StorageErrorCode } from '../../../functions/wire/storage-error.ts'
import { getErrno } from '../files/errno.ts'

/** What a thread is sent: a question, the id of a question whose answer is no longer wanted, or to end. */
export type Message<Question> =
  | { readonly id: number; readonly question: Question }
  | { readonly cancel: number }
  | 'close'

/** What a thread sends: the answer to a question or its error, or an event. */
export type Reply<Answer, Event> =
  | { readonly id: number; readonly answer: Answer }
  | { readonly id: number; readonly trouble: Trouble }
  | { readonly event: Event }

export interface Trouble {
  /** Null for a bug. */
  readonly code: StorageErrorCode | null
  readonly reason: string
  readonly message: string
  /** The system's error, for logs. */
  readonly cause: { readonly code: string; readonly message: string } | null
}

export function toTrouble(error: unknown): Trouble {
  if (!(error instanceof StorageError)) {
    const message = error instanceof Error ? (error.stack ?? '') : String(error)
    return { code: null, reason: '', message, cause: null }
  }
  const { code, reason, message, cause } = error
  const system = cause instanceof Error ? { code: getErrno(cause), message: cause.message } : null
  return { code, reason, message, cause: system }
}

/** Restores the error that `toTrouble` converted, without its stack. */
export function fromTrouble({ code, reason, message, cause }: Trouble): Error {
  if (code === null) return new Error(message)
  if (cause === null) return new StorageError(code, message, { reason })
  const system = Object.assign(new Error(cause.message), { code: cause.code })
  return new StorageError(code, message, { reason, cause: system })
}
