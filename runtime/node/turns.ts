import { lstatSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { setTimeout } from 'node:timers/promises'
import { RESERVED } from '../../functions/storage/names.ts'
import { StorageError } from '../../functions/wire/trouble.ts'
import { openBelow } from './below.ts'
import { isBusy } from './index-table.ts'
import { MAX_TURN_ATTEMPTS, TURN_MS } from './limits.ts'
import { notAFile } from './regular-file.ts'
import type { Root } from './root.ts'
import { loadSqlite } from './sqlite.ts'

/**
 * What `work` returns, which no other process that writes below `root` runs at the same time: a replica server and a
 * command may write to one directory. The lock is SQLite's on an empty file, which a process that is killed gives back.
 * Throws `unreadable` where there are no such locks, or when another process never gives its own back.
 */
export async function takeTurn<T>(root: Root, work: () => T): Promise<T> {
  const own = await openBelow(root, [RESERVED], { mode: 0o700 })
  try {
    for (let attempt = 1; attempt <= MAX_TURN_ATTEMPTS; attempt++) {
      const taken = tryTurn(`${own.path}/lock`, work)
      if (taken !== 'busy') return taken.result
      await setTimeout(TURN_MS)
    }
  } finally {
    await own.handle.close()
  }
  throw new StorageError('unreadable', 'another process is writing here, and does not come to an end')
}

/** All on the calling thread: to close the file elsewhere would give the lock of another turn back. */
function tryTurn<T>(path: string, work: () => T): { readonly result: T } | 'busy' {
  const lock = openLock(path)
  if (lock === 'busy') return lock
  try {
    return { result: work() }
  } finally {
    lock.close()
  }
}

/**
 * Locks the empty file at `path`, which is made where there is none, against every process on every machine that shares
 * locks on this file system; `busy` when somebody holds it. Closing it, and the end of the process, give it back. Throws
 * `unreadable` where there are no such locks.
 */
export function openLock(path: string): Pick<DatabaseSync, 'close'> | 'busy' {
  if (lstatSync(path, { throwIfNoEntry: false })?.isFile() === false) throw notAFile()
  try {
    const lock = new (loadSqlite().DatabaseSync)(path, { timeout: 0 })
    try {
      // A journal on the disk would be another file, and have no room on a disk that is full.
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
