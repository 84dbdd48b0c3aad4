import type { DatabaseSync, StatementSync } from 'node:sqlite'

type Value = string | number | Uint8Array | null
type Row = ReturnType<StatementSync['all']>[number]

/** Runs statements, each of which is prepared once. */
export interface Statements {
  /** The first row; undefined without one. */
  get(sql: string, ...values: Value[]): Row | undefined
  all(sql: string, ...values: Value[]): Row[]
  run(sql: string, ...values: Value[]): ReturnType<StatementSync['run']>
}

export function createStatements(db: DatabaseSync): Statements {
  const statements = new Map<string, StatementSync>()

  function prepare(sql: string): StatementSync {
    const statement = statements.get(sql) ?? db.prepare(sql)
    statements.set(sql, statement)
    return statement
  }

  return {
    get: (sql, ...values) => prepare(sql).get(...values),
    all: (sql, ...values) => prepare(sql).all(...values),
    run: (sql, ...values) => prepare(sql).run(...values),
  }
}
