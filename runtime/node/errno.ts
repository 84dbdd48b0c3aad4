import { getSystemErrorMessage } from 'node:util'
import { StorageError } from '../../functions/wire/trouble.ts'

/** The code of a system error (`ENOENT`); '' for anything else. */
export function getErrno(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}

/**
 * Whether a system error says that nothing of that name is there: ENOENT or ENOTDIR, and no other. A path that is too
 * long for one call (ENAMETOOLONG) may lead to a file all the same.
 */
export function isAbsence(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes(getErrno(error))
}

/** What a system error says in words: `permission denied`. The message of anything else. */
export function toReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return 'errno' in error && typeof error.errno === 'number'
    ? getSystemErrorMessage(error.errno)
    : error.message
}

/**
 * A system error as `unreadable`, naming its code alone: Node's message holds the host's path. Anything that is no
 * system error comes back as it is.
 */
export function toIoError(error: unknown, deed: 'read' | 'written'): unknown {
  const errno = getErrno(error)
  if (!/^E[A-Z0-9]+$/.test(errno)) return error
  return new StorageError('unreadable', `cannot be ${deed} (${errno})`, { cause: error })
}
