/** A value of SQLite. Whole numbers must be exact in a double: both drivers round others in silence. */
export type SqlValue = string | number | Uint8Array<ArrayBuffer> | null

/** A row by its columns. */
export type SqlRow = Readonly<Record<string, unknown>>

/** A database of SQLite, whichever driver opens it. Every method throws the errors of the driver. */
export interface Database {
  /** The first row; undefined without one. */
  get(sql: string, ...values: SqlValue[]): SqlRow | undefined
  all(sql: string, ...values: SqlValue[]): SqlRow[]
  run(sql: string, ...values: SqlValue[]): void
  /** Runs `work` as one transaction, which is taken back when it throws. */
  transact<T>(work: () => T): T
  /** The version of the schema; 0 in a new database. */
  readVersion(): number
  writeVersion(version: number): void
}

/** A name as a key: rows are in the byte order of names. */
export function toKey(name: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(name)
}
