import { getSystemErrorMessage } from 'node:util'
import { StorageError } from '../../functions/wire/trouble.ts'

/** Errors of Linux for which Node has no code but UNKNOWN, by number. */
const UNNAMED: ReadonlyMap<number, readonly [code: string, words: string]> = new Map([
  [37, ['ENOLCK', 'no locks available']],
  [74, ['EBADMSG', 'bad message']],
  [116, ['ESTALE', 'stale file handle']],
  [117, ['EUCLEAN', 'structure needs cleaning']],
  [121, ['EREMOTEIO', 'remote I/O error']],
  [122, ['EDQUOT', 'disk quota exceeded']],
  [126, ['ENOKEY', 'required key not available']],
])

/** The code of a system error (`ENOENT`); '' for anything else. */
export function getErrno(error: unknown): string {
  if (!(error instanceof Error && 'code' in error && typeof error.code === 'string')) return ''
  return getUnnamed(error)?.[0] ?? error.code
}

function getUnnamed(error: Error): readonly [code: string, words: string] | undefined {
  if (process.platform !== 'linux' || !('errno' in error) || typeof error.errno !== 'number') return undefined
  return UNNAMED.get(-error.errno)
}

/** Where a file system, or its rules, have no hard link for this file. rclone's mount says EIO. */
const NO_LINK: readonly string[] = ['EPERM', 'EMLINK', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EIO']

/** Whether the system error of a link says that a file gets no hard link there. */
export function isWithoutLinks(error: unknown): boolean {
  return NO_LINK.includes(getErrno(error))
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
  if (!('errno' in error) || typeof error.errno !== 'number') return error.message
  return getUnnamed(error)?.[1] ?? getSystemErrorMessage(error.errno)
}

/**
 * A system error as `unreadable`, naming its code alone: Node's message holds the host's path. Anything that is no
 * system error comes back as it is.
 */
export function toIoError(error: unknown, deed: 'read' | 'written'): unknown {
  const errno = getErrno(error)
  if (!/^E[A-Z0-9]+$/.test(errno)) return error
  const words = error instanceof Error ? getUnnamed(error)?.[1] : undefined
  const what = words === undefined ? errno : `${errno}, ${words}`
  return new StorageError('unreadable', `cannot be ${deed} (${what})`, { cause: error })
}
