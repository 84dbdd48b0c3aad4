import type { DurableObjectState } from 'cloudflare:workers'
import type { Database } from '../../../functions/coordinator/ledger/sql/database.ts'

/**
 * The database of a Durable Object, for a ledger. SQLite's own version of a schema is not to be had there.
 */
export function toDatabase(storage: DurableObjectState['storage']): Database {
  const { sql, kv } = storage
  return {
    get: (text, ...values) => sql.exec(text, ...values).toArray()[0],
    all: (text, ...values) => sql.exec(text, ...values).toArray(),
    run: (text, ...values) => void sql.exec(text, ...values),
    transact: (work) => storage.transactionSync(work),
    readVersion: () => Number(kv.get(VERSION) ?? 0),
    writeVersion: (version) => kv.put(VERSION, version),
  }
}

const VERSION = 'version'
