import { closeSync, mkdirSync, openSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Digest } from '../../functions/wire/digest.ts'
import { getErrno } from './errno.ts'
import { INDEX_BUSY_MS, INDEX_LOG_PAGES, INDEX_PAUSE_MS } from './limits.ts'
import { loadSqlite } from './sqlite.ts'

/** What the index holds of one name. */
export interface IndexRow {
  readonly name: string
  /** See `toKey`. */
  readonly identity: string
  readonly digest: Digest
}

/** A row as it was read; what `isGenuine` says no of is as good as absent. */
export interface IndexPageRow extends IndexRow {
  readonly seal: number
}

/** Whether a row is as it was written: SQLite notices a page that is no page, not a bit that fell over in a digest. */
export function isGenuine(row: IndexPageRow): boolean {
  return row.seal === seal(row)
}

/**
 * The digests of one root in a file. Nothing here throws: what cannot be read is unknown, what cannot be written is
 * lost, and both cost hashing once more, never a wrong answer.
 */
export interface IndexFile {
  /** The digest written for exactly this identity of this name. */
  read(name: string, identity: string): Digest | undefined
  /** At most `limit` rows, of this name and those after it, in the byte order of names. */
  readPage(from: string, limit: number): IndexPageRow[]
  /** Writes all of them in one transaction. */
  write(rows: Iterable<IndexRow>): void
  /** What was written of the directory at this path, see `RootGuard`. */
  readRoot(path: string): string | undefined
  writeRoot(path: string, text: string): void
  close(): void
}

/** What is in the table; another version is begun anew. */
const SCHEMA_VERSION = 4

// The name in UTF-8, so that rows lie in the byte order of names, as listings have it.
const SCHEMA = `
  DROP TABLE IF EXISTS files;
  CREATE TABLE files (
    name BLOB PRIMARY KEY NOT NULL, identity TEXT NOT NULL, digest BLOB NOT NULL, seal INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS roots (path TEXT PRIMARY KEY NOT NULL, text TEXT NOT NULL) WITHOUT ROWID;
  PRAGMA user_version = ${SCHEMA_VERSION};
`

/**
 * Opens the index at `path`, and makes it where there is none. A damaged one is deleted and begun anew, one that
 * cannot be used is left alone: `onNotice` is told in one line, once for each.
 */
export function openIndexFile(path: string, onNotice: (line: string) => void): IndexFile {
  let table: Table | null = null
  let renewed = false

  function connect(): void {
    try {
      table = waitOut(() => openTable(path))
    } catch (error) {
      recover(error)
    }
  }

  function recover(error: unknown): void {
    // Another process holds it just now.
    if (table !== null && isBusy(error)) return
    table?.close()
    table = null
    if (isDamage(error) && !renewed && removeIndex(path)) {
      renewed = true
      onNotice(`the digest index ${path} was damaged and is begun anew`)
      connect()
    } else
      onNotice(
        `the digest index ${path} cannot be used (${toReason(error)}): digests are kept in memory only; --index names another directory`,
      )
  }

  connect()
  return {
    read(name, identity) {
      try {
        return table?.read(name, identity)
      } catch (error) {
        recover(error)
        return undefined
      }
    },
    readPage(from, limit) {
      try {
        return table?.readPage(from, limit) ?? []
      } catch (error) {
        recover(error)
        return []
      }
    },
    write(rows) {
      try {
        table?.write(rows)
      } catch (error) {
        recover(error)
      }
    },
    readRoot(path) {
      try {
        return table?.readRoot(path)
      } catch (error) {
        recover(error)
        return undefined
      }
    },
    writeRoot(path, text) {
      try {
        table?.writeRoot(path, text)
      } catch (error) {
        recover(error)
      }
    },
    close: () => table?.close(),
  }
}

/** An index that keeps nothing. */
export function openNoIndexFile(): IndexFile {
  return {
    read: () => undefined,
    readPage: () => [],
    write() {},
    readRoot: () => undefined,
    writeRoot() {},
    close() {},
  }
}

/**
 * What `open` returns, tried again for as long as a write waits: where two make one index, SQLite gives up at once on
 * the one that would go over to the log while the other is about to write.
 */
function waitOut<T>(open: () => T): T {
  const until = performance.now() + INDEX_BUSY_MS
  for (;;) {
    try {
      return open()
    } catch (error) {
      if (!isBusy(error) || performance.now() > until) throw error
      Atomics.wait(PAUSE, 0, 0, INDEX_PAUSE_MS)
    }
  }
}

/** Nobody wakes whoever waits for it. */
const PAUSE = new Int32Array(new SharedArrayBuffer(4))

/** An `IndexFile` that throws the errors of SQLite. */
type Table = IndexFile

function openTable(path: string): Table {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  // SQLite gives its side files the permissions of this one.
  closeSync(openSync(path, 'a', 0o600))
  const db = new (loadSqlite().DatabaseSync)(path, { timeout: INDEX_BUSY_MS })
  try {
    db.exec(
      `PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = ${INDEX_LOG_PAGES};`,
    )
    requireSchema(db)
    return createTable(db)
  } catch (error) {
    db.close()
    throw error
  }
}

function requireSchema(db: DatabaseSync): void {
  transact(db, () => {
    if (db.prepare('PRAGMA user_version').get()?.['user_version'] !== SCHEMA_VERSION) db.exec(SCHEMA)
  })
}

function createTable(db: DatabaseSync): Table {
  const select = db.prepare('SELECT identity, digest, seal FROM files WHERE name = ?')
  // The sums in text: as BLOBs they would cost three times as much to hand over.
  const page = db.prepare(
    `SELECT CAST(f.name AS TEXT) AS name, identity, lower(hex(digest)) AS digest, seal
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
      const digest = toHex(row['digest'])
      return row['seal'] === seal({ name, identity, digest }) ? digest : undefined
    },
    // Rows of a table that only this file writes have these columns; what is in them, the seal tells.
    readPage: (from, limit) => page.all(Buffer.from(from), limit) as unknown as IndexPageRow[],
    write(rows) {
      transact(db, () => {
        const all = [...rows]
        let next = 0
        for (; next + ROWS_AT_ONCE <= all.length; next += ROWS_AT_ONCE) {
          many.run(...all.slice(next, next + ROWS_AT_ONCE).flatMap(toColumns))
        }
        for (const row of all.slice(next)) one.run(...toColumns(row))
      })
    },
    readRoot(path) {
      const text = selectRoot.get(path)?.['text']
      return typeof text === 'string' ? text : undefined
    },
    writeRoot: (path, text) => void upsertRoot.run(path, text),
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
  const values = Array.from({ length: rows }, () => '(CAST(? AS BLOB), ?, unhex(?), ?)').join()
  return db.prepare(`INSERT OR REPLACE INTO files (name, identity, digest, seal) VALUES ${values}`)
}

function toColumns(row: IndexRow): (string | number)[] {
  return [row.name, row.identity, row.digest, seal(row)]
}

function transact(db: DatabaseSync, run: () => void): void {
  db.exec('BEGIN IMMEDIATE')
  try {
    run()
    db.exec('COMMIT')
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK')
    throw error
  }
}

/** What a row must carry; see `isGenuine`. FNV-1a: no change of one character leaves it as it was. */
function seal({ name, identity, digest }: IndexRow): number {
  return mix(digest, mix(identity, mix(name, 0x811c9dc5))) >>> 0
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
const SQLITE_DAMAGED: readonly number[] = [1 /* ERROR: no such table */, 11 /* CORRUPT */, 26 /* NOTADB */]

/** Whether an error of SQLite says that another process holds the file just now. */
export function isBusy(error: unknown): boolean {
  return getSqliteCode(error) === SQLITE_BUSY
}

function isDamage(error: unknown): boolean {
  return SQLITE_DAMAGED.includes(getSqliteCode(error))
}

function getSqliteCode(error: unknown): number {
  return error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : 0
}

function toReason(error: unknown): string {
  if (getSqliteCode(error) === 0 && getErrno(error) !== '') return getErrno(error)
  return error instanceof Error ? error.message : String(error)
}

function removeIndex(path: string): boolean {
  try {
    for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true })
    return true
  } catch {
    return false
  }
}
