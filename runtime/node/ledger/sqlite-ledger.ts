import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { fromFindingText, type Ledger } from '../../../functions/coordinator/ledger/ledger.ts'
import type { AuditSummary, Changes } from '../../../functions/wire/schemas.ts'
import { toReason } from '../files/errno.ts'
import { MAX_LEDGER_AUDITS } from '../limits.ts'
import {
  createPrivateFile,
  execute,
  isDamage,
  openDatabase,
  readVersion,
  retryWhileBusy,
  transact,
} from '../sqlite/sqlite.ts'
import { UserError } from '../user-error.ts'
import { findFirst, listAudits, readAudit, readVerification, toScopeColumns, toText } from './audits.ts'
import {
  countDifferences,
  findDifference,
  listDifferences,
  noteOne,
  settle,
  toChanges,
} from './differences.ts'
import { createStatements } from './statements.ts'
import { readStatus } from './status.ts'

/** A ledger in a file. Its creator closes it. */
export interface SqliteLedger extends Ledger {
  close(): void
}

/** The version of this schema; a file of an earlier one is migrated step by step. */
const SCHEMA_VERSION = 2

const SET_VERSION = `PRAGMA user_version = ${SCHEMA_VERSION}`

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
  SET_VERSION,
]

/** What makes each version of the one before it: of 2 the first, of 3 the second. */
const MIGRATIONS = [['ALTER TABLE audits ADD COLUMN verifies INTEGER NOT NULL DEFAULT 0']]

/** The file of the ledger of these replicas, each as `id=address`, in the directory of the digest indexes. */
export function toLedgerFile(directory: string, replicas: readonly string[]): string {
  const key = createHash('sha256').update(replicas.join('\n')).digest('hex').slice(0, 32)
  return join(directory, `ledger-${key}.sqlite`)
}

/**
 * Opens or creates the ledger at `path`. Throws a UserError that names the path when it cannot: a damaged
 * ledger is evidence, which nothing removes.
 */
export function openSqliteLedger(path: string): SqliteLedger {
  try {
    createPrivateFile(path)
    return createSqliteLedger(retryWhileBusy(() => openDatabase(path, setUp)))
  } catch (error) {
    const advice = isDamage(error) ? '; move it away to begin a new one' : ''
    throw new UserError(`the ledger ${path} cannot be used (${toReason(error)})${advice}`, 'io')
  }
}

function setUp(db: DatabaseSync): void {
  const bringUp = () => {
    const version = readVersion(db)
    if (version === 0) for (const statement of SCHEMA) execute(db, statement)
    else if (version < SCHEMA_VERSION)
      for (const statement of [...MIGRATIONS.slice(version - 1).flat(), SET_VERSION]) execute(db, statement)
  }
  // Another process may do it meanwhile.
  if (readVersion(db) < SCHEMA_VERSION) transact(db, bringUp)
  const version = readVersion(db)
  if (version > SCHEMA_VERSION)
    throw new Error(
      `it was written by a later version of vouch, in form ${version} of which this one knows 1 to ${SCHEMA_VERSION}`,
    )
}

function createSqliteLedger(db: DatabaseSync): SqliteLedger {
  const statements = createStatements(db)

  return {
    async begin(scope, began) {
      const { lastInsertRowid } = statements.run(
        'INSERT INTO audits (prefix, match, exclude, start, began, verifies) VALUES (?, ?, ?, ?, ?, ?)',
        ...[...toScopeColumns(scope), began, scope.isVerification ? 1 : 0],
      )
      return Number(lastInsertRowid)
    },
    async note(audit, manifests) {
      const { began } = readAudit(statements, audit)
      transact(db, () => {
        for (const manifest of manifests) noteOne(statements, audit, began, manifest)
      })
    },
    async end(audit, ended, summary) {
      let changes: Changes | undefined
      transact(db, () => {
        const { began, scope } = readAudit(statements, audit)
        const isWhole = summary.replicas.every(({ state }) => state === 'ok')
        const settled = isWhole ? settle(statements, audit, began, scope, summary.next) : 0
        changes = toChanges(statements, audit, scope, settled)
        const whole: AuditSummary = { ...summary, ...(changes && { changes }) }
        statements.run(
          'UPDATE audits SET ended = ?, summary = ? WHERE id = ?',
          ended,
          JSON.stringify(whole),
          audit,
        )
        statements.run('DELETE FROM audits WHERE id <= ?', audit - MAX_LEDGER_AUDITS)
      })
      return changes
    },
    async corrupt() {
      return statements
        .all('SELECT copy FROM corrupt ORDER BY found')
        .map(({ copy }) => JSON.parse(String(copy)))
    },
    async noteCorrupt(copy) {
      const values = [copy.id, copy.digest, Buffer.from(copy.name), Date.now(), JSON.stringify(copy)]
      statements.run(
        'INSERT OR REPLACE INTO corrupt (replica, digest, name, found, copy) VALUES (?, ?, ?, ?, ?)',
        ...values,
      )
    },
    async noteMended({ id, digest, name }) {
      statements.run(
        'DELETE FROM corrupt WHERE (replica, digest, name) = (?, ?, ?)',
        id,
        digest,
        Buffer.from(name),
      )
    },
    verification: async () => readVerification(statements),
    async noteVerification({ began, after, ended }) {
      statements.run(
        'INSERT OR REPLACE INTO verifications (began, reached, ended) VALUES (?, ?, ?)',
        began,
        after,
        ended,
      )
    },
    async lastVerified() {
      const ended = statements.get('SELECT max(ended) AS ended FROM verifications')?.['ended'] ?? null
      return ended === null ? null : Number(ended)
    },
    status: async () => readStatus(statements),
    find: async (name) => findDifference(statements, name),
    audits: async (limit) => listAudits(statements, limit),
    count: async (folders) => countDifferences(statements, folders),
    list: async (options) => listDifferences(statements, options),
    async history(name) {
      const rows = statements.all(
        'SELECT at, found FROM changes WHERE name = ? ORDER BY audit',
        Buffer.from(name),
      )
      const changes = rows.map(({ at, found }) => ({
        at: toText(Number(at)),
        found: found === null ? null : fromFindingText(name, String(found)),
      }))
      return { name, watched: findFirst(statements, name), changes }
    },
    close: () => db.close(),
  }
}
