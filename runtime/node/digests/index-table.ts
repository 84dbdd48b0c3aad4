import { rmSync, statSync } from 'node:fs'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Digest } from '../../../functions/wire/digest.ts'
import { isAbsence } from '../files/errno.ts'
import { INDEX_LOG_PAGES } from '../limits.ts'
import {
  createPrivateFile,
  execute,
  openDatabase,
  readVersion,
  retryWhileBusy,
  transact,
} from '../sqlite/sqlite.ts'

/** A digest, and when its reading began: whole milliseconds since 1970. */
export interface DatedDigest {
  readonly digest: Digest
  readonly readAt: number
}

export interface IndexRow extends DatedDigest {
  readonly name: string
  /** See `toKey`. */
  readonly identity: string
}

/** A row as it was read; unless `isGenuine`, it counts as absent. */
export interface IndexPageRow extends IndexRow {
  readonly seal: number
}

/** Whether a row is as it was written: SQLite notices a broken page, but not a flipped bit in a digest. */
export function isGenuine(row: IndexPageRow): boolean {
  return row.seal === seal(row)
}

/** What is remembered of consecutive files, see `encodeBlock`, under the names of the first and the last. */
export interface IndexBlock {
  readonly first: string
  readonly last: string
  readonly data: Uint8Array
}

/** The table of an open index. All but the last two throw the errors of SQLite. */
export interface IndexTable {
  /** The digest written for exactly this identity of this name. */
  read(name: string, identity: string): DatedDigest | undefined
  /** At most `limit` rows, of this name and those after it, in the byte order of names. */
  readPage(from: string, limit: number): IndexPageRow[]
  write(rows: readonly IndexRow[]): void
  /**
   * A number that changes for another when a file's digest does and its identity does not: what was
   * remembered in blocks before no longer counts. No other index file has it.
   */
  readEpoch(): number
  /** The block whose first file has this name, if it was written in this epoch. */
  readBlock(first: string): Uint8Array | undefined
  /**
   * Writes blocks of rows that were read or written, all of them, in or after `epoch`, in the place of those
   * of the same files.
   */
  writeBlocks(blocks: readonly IndexBlock[], epoch: number): void
  /** What was written of the directory at this path, see `RootGuard`. */
  readRoot(path: string): string | undefined
  writeRoot(path: string, text: string): void
  /** Writes a page that changes nothing: succeeds where `write` would. */
  tryWrite(): void
  /** Whether its path no longer leads to this file, so that what is written to it will not be found. */
  isMoved(): boolean
  close(): void
}

/** A file of another version starts over. */
const SCHEMA_VERSION = 6

/** Up to 2^53: the same number twice would take some million changes. */
const RANDOM = 'abs(random() >> 10)'

// The tables of another version have other names: a process of that version may have the file open too, and
// knows nothing of the triggers.
// Names are UTF-8, so that rows are in the byte order of names, as in listings.
const SCHEMA = [
  'DROP TABLE IF EXISTS files',
  'DROP TABLE IF EXISTS readings',
  `CREATE TABLE readings (
    name BLOB PRIMARY KEY NOT NULL, identity TEXT NOT NULL, digest BLOB NOT NULL, readAt INTEGER NOT NULL,
    seal INTEGER NOT NULL
  ) WITHOUT ROWID`,
  'DROP TABLE IF EXISTS blocks',
  // No two have a file in common.
  `CREATE TABLE blocks (
    first BLOB PRIMARY KEY NOT NULL, last BLOB NOT NULL, epoch INTEGER NOT NULL, data BLOB NOT NULL
  )`,
  'DROP TABLE IF EXISTS epochs',
  'CREATE TABLE epochs (epoch INTEGER NOT NULL)',
  `INSERT INTO epochs VALUES (${RANDOM})`,
  // The block of a file that was read again has what was known before.
  `CREATE TRIGGER readAgain AFTER UPDATE ON readings BEGIN
    DELETE FROM blocks WHERE first = (SELECT max(first) FROM blocks WHERE first <= NEW.name) AND last >= NEW.name;
  END`,
  `CREATE TRIGGER rotted AFTER UPDATE ON readings WHEN OLD.identity = NEW.identity AND OLD.digest <> NEW.digest
  BEGIN
    UPDATE epochs SET epoch = ${RANDOM};
  END`,
  'CREATE TABLE IF NOT EXISTS roots (path TEXT PRIMARY KEY NOT NULL, text TEXT NOT NULL) WITHOUT ROWID',
  `PRAGMA user_version = ${SCHEMA_VERSION}`,
]

/** Opens or creates the index at `path`. */
export function openIndexTable(path: string): IndexTable {
  return retryWhileBusy(() => {
    createPrivateFile(path)
    const place = readPlace(path)
    const db = openDatabase(path, setUp)
    try {
      return createTable(db, () => readPlace(path) !== place)
    } catch (error) {
      db.close()
      throw error
    }
  })
}

function setUp(db: DatabaseSync): void {
  execute(db, `PRAGMA wal_autocheckpoint = ${INDEX_LOG_PAGES}`)
  const isCurrent = () => readVersion(db) === SCHEMA_VERSION
  const create = () => {
    if (!isCurrent()) for (const statement of SCHEMA) execute(db, statement)
  }
  // Another process may create it meanwhile.
  if (!isCurrent()) transact(db, create)
}

/** Device and inode of the file; null when there is no file. */
function readPlace(path: string): string | null {
  try {
    const { dev, ino } = statSync(path, { bigint: true })
    return `${dev} ${ino}`
  } catch (error) {
    if (isAbsence(error)) return null
    throw error
  }
}

function createTable(db: DatabaseSync, isMoved: () => boolean): IndexTable {
  const select = db.prepare('SELECT identity, digest, readAt, seal FROM readings WHERE name = ?')
  // Digests as text: as BLOBs they would cost three times as much to return.
  const page = prepareLate(
    db,
    `SELECT CAST(f.name AS TEXT) AS name, identity, lower(hex(digest)) AS digest, readAt, seal
     FROM readings AS f WHERE f.name >= ? ORDER BY f.name LIMIT ?`,
    true,
  )
  const selectEpoch = prepareLate(db, 'SELECT epoch FROM epochs')
  const selectBlock = prepareLate(
    db,
    'SELECT data FROM blocks WHERE first = ? AND epoch = (SELECT epoch FROM epochs)',
  )
  const deleteWithin = prepareLate(db, 'DELETE FROM blocks WHERE first >= ? AND first <= ?')
  const deleteAround = prepareLate(
    db,
    'DELETE FROM blocks WHERE first = (SELECT max(first) FROM blocks WHERE first < ?1) AND last >= ?1',
  )
  const insertBlock = prepareLate(db, 'INSERT INTO blocks (first, last, epoch, data) VALUES (?, ?, ?, ?)')
  const selectRoot = db.prepare('SELECT text FROM roots WHERE path = ?')
  const upsertRoot = prepareLate(db, 'INSERT OR REPLACE INTO roots (path, text) VALUES (?, ?)')
  const [one, many] = [prepareUpsert(db, 1), prepareUpsert(db, ROWS_AT_ONCE)]
  return {
    read(name, identity) {
      const row = select.get(Buffer.from(name))
      if (row?.['identity'] !== identity) return undefined
      const dated = { digest: toHex(row['digest']), readAt: Number(row['readAt']) }
      return row['seal'] === seal({ name, identity, ...dated }) ? dated : undefined
    },
    readPage: (from, limit) => page().all(Buffer.from(from), limit).map(toPageRow),
    write(rows) {
      transact(db, () => {
        let next = 0
        for (; next + ROWS_AT_ONCE <= rows.length; next += ROWS_AT_ONCE) {
          many().run(...toColumns(rows, next, ROWS_AT_ONCE))
        }
        for (; next < rows.length; next++) one().run(...toColumns(rows, next, 1))
      })
    },
    readEpoch: () => Number(selectEpoch().get()?.['epoch']),
    readBlock(first) {
      const data = selectBlock().get(Buffer.from(first))?.['data']
      return data instanceof Uint8Array ? data : undefined
    },
    writeBlocks(blocks, epoch) {
      transact(db, () => {
        for (const block of blocks) {
          const [first, last] = [Buffer.from(block.first), Buffer.from(block.last)]
          deleteWithin().run(first, last)
          deleteAround().run(first)
          insertBlock().run(first, last, epoch, block.data)
        }
      })
    },
    readRoot(path) {
      const text = selectRoot.get(path)?.['text']
      return typeof text === 'string' ? text : undefined
    },
    writeRoot: (path, text) => void upsertRoot().run(path, text),
    tryWrite: () => transact(db, () => execute(db, `PRAGMA user_version = ${SCHEMA_VERSION}`)),
    isMoved,
    close() {
      try {
        db.close()
      } catch {
        // Closing writes the log back. What fails then had failed before.
      }
    },
  }
}

/**
 * Prepares a statement when it is first used: a command that only looks needs two of six. With `asArrays` its
 * rows are arrays, where the host has them: objects that SQLite makes are slow to read.
 */
function prepareLate(db: DatabaseSync, statement: string, asArrays = false): () => StatementSync {
  let prepared: StatementSync | undefined

  function prepare(): StatementSync {
    const made = db.prepare(statement)
    if (asArrays && 'setReturnArrays' in made) made.setReturnArrays(true)
    return made
  }

  return () => (prepared ??= prepare())
}

function toPageRow(row: unknown): IndexPageRow {
  const columns = Array.isArray(row) ? row : Object.values(row as object)
  // Only this file writes the table, so its rows have these columns; the seal proves their contents.
  const [name, identity, digest, readAt, seal] = columns as [string, string, string, number, number]
  return { name, identity, digest, readAt, seal }
}

/** Rows in one statement, which halves the cost of each. */
const ROWS_AT_ONCE = 32

function prepareUpsert(db: DatabaseSync, rows: number): () => StatementSync {
  const values = Array.from({ length: rows }, () => '(CAST(? AS BLOB), ?, unhex(?), ?, ?)').join()
  return prepareLate(
    db,
    `INSERT INTO readings (name, identity, digest, readAt, seal) VALUES ${values} ON CONFLICT DO UPDATE SET
     identity = excluded.identity, digest = excluded.digest, readAt = excluded.readAt, seal = excluded.seal`,
  )
}

/** The columns of `count` rows, from the row `first` on. */
function toColumns(rows: readonly IndexRow[], first: number, count: number): (string | number)[] {
  const columns: (string | number)[] = []
  for (let i = first; i < first + count; i++) {
    const row = rows[i]
    if (row !== undefined) columns.push(row.name, row.identity, row.digest, row.readAt, seal(row))
  }
  return columns
}

/** The seal of a row; see `isGenuine`. FNV-1a: any change of one character changes it. */
function seal({ name, identity, digest, readAt }: IndexRow): number {
  return mix(`${readAt}`, mix(digest, mix(identity, mix(name, 0x811c9dc5)))) >>> 0
}

function mix(text: string, start: number): number {
  let hash = start
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  // Separates the texts.
  return Math.imul(hash ^ 0xff, 0x01000193)
}

function toHex(value: unknown): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : ''
}

export function removeIndex(path: string): boolean {
  try {
    for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true })
    return true
  } catch {
    return false
  }
}
