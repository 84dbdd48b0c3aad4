import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Database } from '../../../functions/coordinator/ledger/sql/database.ts'
import { execute, readVersion, transact } from '../sqlite/sqlite.ts'

/** A database of Node for the ledger, which prepares each statement once. */
export function toDatabase(db: DatabaseSync): Database {
  const statements = new Map<string, StatementSync>()

  function prepare(sql: string): StatementSync {
    const statement = statements.get(sql) ?? db.prepare(sql)
    statements.set(sql, statement)
    return statement
  }

  return {
    get: (sql, ...values) => prepare(sql).get(...values),
    all: (sql, ...values) => prepare(sql).all(...values),
    run: (sql, ...values) => void prepare(sql).run(...values),
    transact: (work) => transact(db, work),
    readVersion: () => readVersion(db),
    writeVersion: (version) => execute(db, `PRAGMA user_version = ${version}`),
  }
}
