import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { INDEX_BUSY_MS, LOCK_RETRY_MS } from '../limits.ts'

/** Creates an empty file that only this user may read, and its directory, where they are missing. */
export function createPrivateFile(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  // SQLite's side files get the permissions of this one.
  closeSync(openSync(path, 'a', 0o600))
}

/**
 * Opens a database with a write-ahead log, and runs `setUp` on it. The caller closes it. Throws the errors of
 * SQLite.
 */
export function openDatabase(path: string, setUp: (db: DatabaseSync) => void): DatabaseSync {
  const db = new (loadSqlite().DatabaseSync)(path, { timeout: INDEX_BUSY_MS })
  try {
    execute(db, 'PRAGMA journal_mode = WAL')
    execute(db, 'PRAGMA synchronous = NORMAL')
    setUp(db)
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

/**
 * Retries `open` as long as a write waits: of two processes that create a database, SQLite at once refuses
 * the one that switches to the log while the other is about to write.
 */
export function retryWhileBusy<T>(open: () => T): T {
  const until = performance.now() + INDEX_BUSY_MS
  for (;;) {
    try {
      return open()
    } catch (error) {
      if (!isBusy(error) || performance.now() > until) throw error
      Atomics.wait(PAUSE, 0, 0, LOCK_RETRY_MS)
    }
  }
}

/** Never changed, so that a wait for it lasts to its end. */
const PAUSE = new Int32Array(new SharedArrayBuffer(4))

/** The version of the schema; 0 in a new database. */
export function readVersion(db: DatabaseSync): number {
  return Number(db.prepare('PRAGMA user_version').get()?.['user_version'])
}

/** Runs a statement, which may return rows, as a prepared one: errors of Deno's `exec` lack SQLite's code. */
export function execute(db: DatabaseSync, statement: string): void {
  db.prepare(statement).all()
}

export function transact<T>(db: DatabaseSync, run: () => T): T {
  execute(db, 'BEGIN IMMEDIATE')
  try {
    const result = run()
    execute(db, 'COMMIT')
    return result
  } catch (error) {
    if (db.isTransaction) execute(db, 'ROLLBACK')
    throw error
  }
}

// https://www.sqlite.org/rescode.html: the primary codes, in the low byte.

export function isBusy(error: unknown): boolean {
  return getSqliteCode(error) === 5 // BUSY
}

export function isFull(error: unknown): boolean {
  return getSqliteCode(error) === 13 // FULL
}

/** Whether an error of SQLite means that the file is not an index, or a damaged one. */
export function isDamage(error: unknown): boolean {
  return [1 /* ERROR: no such table */, 11 /* CORRUPT */, 26 /* NOTADB */].includes(getSqliteCode(error))
}

function getSqliteCode(error: unknown): number {
  return error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : 0
}

type Sqlite = typeof import('node:sqlite')

/** Loads node:sqlite without the one warning that this prints on Node 22 and 24; other warnings pass. */
export function loadSqlite(): Sqlite {
  const emit = process.emitWarning
  process.emitWarning = (warning: string | Error, ...rest: unknown[]) => {
    if (!String(warning).startsWith('SQLite is an experimental'))
      Reflect.apply(emit, process, [warning, ...rest])
  }
  try {
    return process.getBuiltinModule('node:sqlite')
  } finally {
    process.emitWarning = emit
  }
}
