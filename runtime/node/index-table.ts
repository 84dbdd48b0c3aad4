import { closeSync, mkdirSync, openSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Digest } from '../../functions/wire/digest.ts'
import { getErrno, isAbsence } from './errno.ts'
import { INDEX_BUSY_MS, INDEX_LOG_PAGES, INDEX_PAUSE_MS } from './limits.ts'
import { loadSqlite } from './sqlite.ts'

/** A digest, and when the reading that it comes from began: whole milliseconds since 1970. */
export interface DatedDigest {
  readonly digest: Digest
  readonly readAt: number
}

/** What the index holds of one name. */
export interface IndexRow extends DatedDigest {
  readonly name: string
  /** See `toKey`. */
  readonly identity: string
}

/** A row as it was read; what `isGenuine` says no of is as good as absent. */
export interface IndexPageRow extends IndexRow {
  readonly seal: number
}

/** Whether a row is as it was written: SQLite notices a page that is no page, not a bit that fell over in a digest. */
export function isGenuine(row: IndexPageRow): boolean {
  return row.seal === seal(row)
}

/** The table of an open index. All but the last two throw the errors of SQLite. */
export interface IndexTable {
  /** The digest written for exactly this identity of this name. */
  read(name: string, identity: string): DatedDigest | undefined
  /** At most `limit` rows, of this name and those after it, in the byte order of names. */
  readPage(from: string, limit: number): IndexPageRow[]
  /** Writes all of them in one transaction. */
  write(rows: readonly IndexRow[]): void
  /** What was written of the directory at this path, see `RootGuard`. */
  readRoot(path: string): string | undefined
  writeRoot(path: string, text: string): void
  /** Writes a page that changes nothing: succeeds where `write` would. */
  tryWrite(): void
  /** Whether its path no longer leads to this file, so that nobody will find what is written to it. */
  isMoved(): boolean
  close(): void
}

/** What is in the table; a file of another version starts over. */
const SCHEMA_VERSION = 5

// The name in UTF-8, so that rows lie in the byte order of names, as listings have it.
const SCHEMA = [
  'DROP TABLE IF EXISTS files',
  `CREATE TABLE files (
    name BLOB PRIMARY KEY NOT NULL, identity TEXT NOT NULL, digest BLOB NOT NULL, readAt INTEGER NOT NULL,
    seal INTEGER NOT NULL
  ) WITHOUT ROWID`,
  'CREATE TABLE IF NOT EXISTS roots (path TEXT PRIMARY KEY NOT NULL, text TEXT NOT NULL) WITHOUT ROWID',
  `PRAGMA user_version = ${SCHEMA_VERSION}`,
]

const PRAGMAS = [
  'PRAGMA journal_mode = WAL',
  'PRAGMA synchronous = NORMAL',
  `PRAGMA wal_autocheckpoint = ${INDEX_LOG_PAGES}`,
]

/**
 * Opens the index at `path`, and creates it where there is none. Tries again for as long as a write waits: where two
 * processes create one index, SQLite refuses at once the one that would switch to the log while the other is about to
 * write.
 */
export function openIndexTable(path: string): IndexTable {
  const until = performance.now() + INDEX_BUSY_MS
  for (;;) {
    try {
      return openOnce(path)
    } catch (error) {
      if (!isBusy(error) || performance.now() > until) throw error
      Atomics.wait(PAUSE, 0, 0, INDEX_PAUSE_MS)
    }
  }
}

/** Never changed, so that a wait for it lasts its whole time. */
const PAUSE = new Int32Array(new SharedArrayBuffer(4))

function openOnce(path: string): IndexTable {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  // SQLite gives its side files the permissions of this one.
  closeSync(openSync(path, 'a', 0o600))
  const place = readPlace(path)
  const db = new (loadSqlite().DatabaseSync)(path, { timeout: INDEX_BUSY_MS })
  try {
    for (const pragma of PRAGMAS) execute(db, pragma)
    transact(db, () => {
      if (db.prepare('PRAGMA user_version').get()?.['user_version'] === SCHEMA_VERSION) return
      for (const statement of SCHEMA) execute(db, statement)
    })
    return createTable(db, () => readPlace(path) !== place)
  } catch (error) {
    db.close()
    throw error
  }
}

/** Device and inode of the file; null when there is none. */
function readPlace(path: string): string | null {
  try {
    const { dev, ino } = statSync(path, { bigint: true })
    return `${dev} ${ino}`
  } catch (error) {
    if (isAbsence(error)) return null
    throw error
  }
}

/** By a prepared statement, which may also return rows: Deno's `exec` throws errors without SQLite's code. */
function execute(db: DatabaseSync, statement: string): void {
  db.prepare(statement).all()
}

function createTable(db: DatabaseSync, isMoved: () => boolean): IndexTable {
  const select = db.prepare('SELECT identity, digest, readAt, seal FROM files WHERE name = ?')
  // The sums in text: as BLOBs they would cost three times as much to hand over.
  const page = db.prepare(
    `SELECT CAST(f.name AS TEXT) AS name, identity, lower(hex(digest)) AS digest, readAt, seal
     FROM files AS f WHERE f.name >= ? ORDER BY f.name LIMIT ?`,
  )
  const selectRoot = db.prepare('SELECT text FROM roots WHERE path = ?')
  const upsertRoot = db.prepare('INSERT OR REPLACE INTO roots (path, text) VALUES (?, ?)')
  const [one, many] = [1, ROWS_AT_ONCE].map((rows) => prepareUpsert(db, rows)) as [
    StatementSync,
    StatementSync,
  ] // two for two
  return {
    read(name, identity) {
      const row = select.get(Buffer.from(name))
      if (row?.['identity'] !== identity) return undefined
      const dated = { digest: toHex(row['digest']), readAt: Number(row['readAt']) }
      return row['seal'] === seal({ name, identity, ...dated }) ? dated : undefined
    },
    // Rows of a table that only this file writes have these columns; what is in them, the seal tells.
    readPage: (from, limit) => page.all(Buffer.from(from), limit) as unknown as IndexPageRow[],
    write(rows) {
      transact(db, () => {
        let next = 0
        for (; next + ROWS_AT_ONCE <= rows.length; next += ROWS_AT_ONCE) {
          many.run(...rows.slice(next, next + ROWS_AT_ONCE).flatMap(toColumns))
        }
        for (const row of rows.slice(next)) one.run(...toColumns(row))
      })
    },
    readRoot(path) {
      const text = selectRoot.get(path)?.['text']
      return typeof text === 'string' ? text : undefined
    },
    writeRoot: (path, text) => void upsertRoot.run(path, text),
    tryWrite: () => transact(db, () => execute(db, `PRAGMA user_version = ${SCHEMA_VERSION}`)),
    isMoved,
    close() {
      try {
        db.close()
      } catch {
        // Closing writes the log back; what that loses was lost before.
      }
    },
  }
}

/** Rows in one statement: each costs half as much as by itself. */
const ROWS_AT_ONCE = 32

function prepareUpsert(db: DatabaseSync, rows: number): StatementSync {
  const values = Array.from({ length: rows }, () => '(CAST(? AS BLOB), ?, unhex(?), ?, ?)').join()
  return db.prepare(`INSERT OR REPLACE INTO files (name, identity, digest, readAt, seal) VALUES ${values}`)
}

function toColumns(row: IndexRow): (string | number)[] {
  return [row.name, row.identity, row.digest, row.readAt, seal(row)]
}

function transact(db: DatabaseSync, run: () => void): void {
  execute(db, 'BEGIN IMMEDIATE')
  try {
    run()
    execute(db, 'COMMIT')
  } catch (error) {
    if (db.isTransaction) execute(db, 'ROLLBACK')
    throw error
  }
}

/** What a row must carry; see `isGenuine`. FNV-1a: no change of one character leaves it as it was. */
function seal({ name, identity, digest, readAt }: IndexRow): number {
  return mix(`${readAt}`, mix(digest, mix(identity, mix(name, 0x811c9dc5)))) >>> 0
}

function mix(text: string, start: number): number {
  let hash = start
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  // No end of one text is taken for the beginning of the next.
  return Math.imul(hash ^ 0xff, 0x01000193)
}

function toHex(value: unknown): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : ''
}

/** https://www.sqlite.org/rescode.html: the primary codes, in the low byte. */
const SQLITE_BUSY = 5
const SQLITE_FULL = 13
const SQLITE_DAMAGED: readonly number[] = [1 /* ERROR: no such table */, 11 /* CORRUPT */, 26 /* NOTADB */]

/** Whether an error of SQLite says that another process holds the file just now. */
export function isBusy(error: unknown): boolean {
  return getSqliteCode(error) === SQLITE_BUSY
}

/** Whether an error of SQLite says that the disk is full. */
export function isFull(error: unknown): boolean {
  return getSqliteCode(error) === SQLITE_FULL
}

/** Whether an error of SQLite says that the file is not an index, or no longer a whole one. */
export function isDamage(error: unknown): boolean {
  return SQLITE_DAMAGED.includes(getSqliteCode(error))
}

/** Why the index cannot be used: SQLite's message, or the code of a system error. */
export function toReason(error: unknown): string {
  if (getSqliteCode(error) === 0 && getErrno(error) !== '') return getErrno(error)
  return error instanceof Error ? error.message : String(error)
}

function getSqliteCode(error: unknown): number {
  return error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : 0
}

/** Removes an index and its side files; returns whether they are gone. */
export function removeIndex(path: string): boolean {
  try {
    for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true })
    return true
  } catch {
    return false
  }
}
