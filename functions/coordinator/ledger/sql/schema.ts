import type { Database } from './database.ts'

/** The version of this schema; a database of an earlier one is migrated step by step. */
const SCHEMA_VERSION = 4

// Runs in steps: the ends of their parts in order, and the part that ended as the last; then what each step
// has compared, up to `reached`, or null for the end of all names.
const RUNS = [
  `CREATE TABLE runs (
    audit INTEGER PRIMARY KEY, parts TEXT NOT NULL, ended_by INTEGER
  )`,
  `CREATE TABLE steps (
    audit INTEGER NOT NULL, part INTEGER NOT NULL, nth INTEGER NOT NULL, start TEXT NOT NULL, reached TEXT,
    began INTEGER NOT NULL, ended INTEGER NOT NULL, settled INTEGER NOT NULL, summary TEXT NOT NULL,
    PRIMARY KEY (audit, part, nth)
  ) WITHOUT ROWID`,
]

const TREES =
  'CREATE TABLE trees (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, replicas TEXT NOT NULL, note TEXT NOT NULL)'

// Times are milliseconds since 1970. Names are UTF-8, so that rows are in the byte order of names.
const SCHEMA = [
  `CREATE TABLE audits (
    id INTEGER PRIMARY KEY, prefix TEXT NOT NULL, match TEXT NOT NULL, exclude TEXT NOT NULL,
    start TEXT NOT NULL, began INTEGER NOT NULL, ended INTEGER, summary TEXT,
    verifies INTEGER NOT NULL DEFAULT 0
  )`,
  `CREATE TABLE corrupt (
    replica TEXT NOT NULL, digest TEXT NOT NULL, name BLOB NOT NULL, found INTEGER NOT NULL, copy TEXT NOT NULL,
    PRIMARY KEY (replica, digest, name)
  ) WITHOUT ROWID`,
  'CREATE TABLE verifications (began INTEGER PRIMARY KEY, reached TEXT NOT NULL, ended INTEGER)',
  // The names that differ now: the audits that found them first and last, and the one that found the change
  // which tells how they differ now.
  `CREATE TABLE differences (
    name BLOB PRIMARY KEY NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, changed INTEGER NOT NULL,
    since INTEGER NOT NULL
  ) WITHOUT ROWID`,
  // What each name was found to be, whenever that changed; null for the same everywhere, or gone.
  `CREATE TABLE changes (
    name BLOB NOT NULL, audit INTEGER NOT NULL, at INTEGER NOT NULL, found TEXT, PRIMARY KEY (name, audit)
  ) WITHOUT ROWID`,
  ...RUNS,
  TREES,
]

/** What makes each version of the one before it: of 2 the first, of 3 the second. */
const MIGRATIONS = [['ALTER TABLE audits ADD COLUMN verifies INTEGER NOT NULL DEFAULT 0'], RUNS, [TREES]]

/** Creates the tables of a ledger, or brings them up to this version. Throws for a later version. */
export function setUpLedger(db: Database): void {
  const bringUp = () => {
    const version = db.readVersion()
    if (version >= SCHEMA_VERSION) return
    const statements = version === 0 ? SCHEMA : MIGRATIONS.slice(version - 1).flat()
    for (const statement of statements) db.run(statement)
    db.writeVersion(SCHEMA_VERSION)
  }
  // Another process may do it meanwhile.
  if (db.readVersion() < SCHEMA_VERSION) db.transact(bringUp)
  const version = db.readVersion()
  if (version > SCHEMA_VERSION)
    throw new Error(
      `it was written by a later version of vouch, in form ${version} of which this one knows 1 to ${SCHEMA_VERSION}`,
    )
}
