import { StorageError } from '../../../functions/wire/storage-error.ts'
import type { Refusal } from './rclone-server.ts'

const MESSAGES: Readonly<Record<Refusal, string>> = {
  'no-directory':
    'rclone finds no such directory: the path may be wrong, or the disk not mounted, and the file may be there all the same',
  'not-configured': 'rclone has no remote of this name any longer',
  'not-a-directory': 'rclone finds a file where a directory should be',
  failed: 'rclone could not ask the remote; `rclone lsf` shows why',
}

/** The error for a question that rclone did not answer. */
export function toRefusalError(refusal: Refusal): StorageError {
  return new StorageError('unreachable', MESSAGES[refusal])
}

/** The error for a file that rclone does not find, although it may be there. */
export function hiddenError(message: string): StorageError {
  return new StorageError('unreachable', message)
}
