import { getSystemErrorMessage } from 'node:util'
import { StorageError } from '../../../functions/wire/storage-error.ts'

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

/** The errors of a file system that makes no hard link, or none of this file. rclone's mount returns EIO. */
const NO_LINK: readonly string[] = ['EPERM', 'EMLINK', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EIO']

/** Whether the system error of link(2) means that the file cannot have a hard link there. */
export function isWithoutLinks(error: unknown): boolean {
  return NO_LINK.includes(getErrno(error))
}

/** Whether there is no such file: ENOENT or ENOTDIR. A path too long for a call may still lead to one. */
export function isAbsence(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes(getErrno(error))
}

/** A system error in words, `permission denied`; the message of any other. */
export function toReason(error: unknown): string {
  return toWords(error) ?? (error instanceof Error ? error.message : String(error))
}

/** Undefined for anything but a system error with a number. */
function toWords(error: unknown): string | undefined {
  if (!(error instanceof Error && 'errno' in error && typeof error.errno === 'number')) return undefined
  if (getErrno(error) === 'ENOSPC') return 'the disk is full'
  return getUnnamed(error)?.[1] ?? getSystemErrorMessage(error.errno)
}

/** A system error as `unreadable`, in its words and with its code, without a path; any other unchanged. */
export function toIoError(error: unknown, deed: 'read' | 'written'): unknown {
  const errno = getErrno(error)
  if (!/^E[A-Z0-9]+$/.test(errno)) return error
  const words = toWords(error)
  const why = words === undefined ? ` (${errno})` : `: ${words} (${errno})`
  return new StorageError('unreadable', `cannot be ${deed}${why}`, { cause: error })
}
