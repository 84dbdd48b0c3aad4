import { lstatSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { setTimeout } from 'node:timers/promises'
import { StorageError } from '../../../functions/wire/storage-error.ts'
import { notAFile } from '../files/regular-file.ts'
import type { Root } from '../files/root.ts'
import { LOCK_RETRY_MS, MAX_LOCK_ATTEMPTS } from '../limits.ts'
import { isBusy, loadSqlite } from '../sqlite/sqlite.ts'
import { withOwnDirectory } from './make-directories.ts'

/**
 * Runs `work` while no other process that writes below `root` does: a replica server and a command may write
 * to one directory. The lock is SQLite's on an empty file; the system releases it when a process is killed.
 * Throws `unreadable` where there are no such locks, and when another process keeps the lock.
 */
export async function withWriteLock<T>(root: Root, work: () => T): Promise<T> {
  return await withOwnDirectory(root, [], async (own) => {
    for (let attempt = 1; attempt <= MAX_LOCK_ATTEMPTS; attempt++) {
      const taken = tryLocked(`${own.path}/lock`, work)
      if (taken !== 'busy') return taken.result
      await setTimeout(LOCK_RETRY_MS)
    }
    const seconds = (MAX_LOCK_ATTEMPTS * LOCK_RETRY_MS) / 1000
    throw new StorageError('unreadable', `another process has locked this directory for ${seconds} s; end it`)
  })
}

/** All on the calling thread: closing the file elsewhere would release a lock that was taken here. */
function tryLocked<T>(path: string, work: () => T): { readonly result: T } | 'busy' {
  const lock = openLock(path)
  if (lock === 'busy') return lock
  try {
    return { result: work() }
  } finally {
    lock.close()
  }
}

/**
 * Locks the empty file at `path`, and creates it where it is missing, against every process on every machine
 * that shares locks on this file system; `busy` when another holds it. Closing it, and the end of the
 * process, release it. Throws `unreadable` where there are no such locks.
 */
export function openLock(path: string): Pick<DatabaseSync, 'close'> | 'busy' {
  if (lstatSync(path, { throwIfNoEntry: false })?.isFile() === false) throw notAFile()
  try {
    const lock = new (loadSqlite().DatabaseSync)(path, { timeout: 0 })
    try {
      // A journal on the disk would be another file, for which a full disk has no room.
      lock.exec('PRAGMA journal_mode = MEMORY; BEGIN IMMEDIATE')
      return lock
    } catch (error) {
      lock.close()
      throw error
    }
  } catch (error) {
    if (isBusy(error)) return 'busy'
    throw new StorageError('unreadable', 'the lock of this directory cannot be taken', { cause: error })
  }
}
