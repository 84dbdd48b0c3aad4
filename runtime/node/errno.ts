import { StorageError } from '../../functions/wire/trouble.ts'

/** The code of a system error (`ENOENT`); '' for anything else. */
export function getErrno(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}

/** Whether a system error says that nothing of that name is there. */
export function isAbsence(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR', 'ENAMETOOLONG'].includes(getErrno(error))
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
