import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import type { Ledger } from '../../../functions/coordinator/ledger/ledger.ts'
import { setUpLedger } from '../../../functions/coordinator/ledger/sql/schema.ts'
import { createSqlLedger } from '../../../functions/coordinator/ledger/sql/sql-ledger.ts'
import type { StepLedger } from '../../../functions/coordinator/steps/step-ledger.ts'
import { toReason } from '../files/errno.ts'
import { createPrivateFile, isDamage, openDatabase, retryWhileBusy } from '../sqlite/sqlite.ts'
import { UserError } from '../user-error.ts'
import { toDatabase } from './database.ts'

/** A ledger in a file. Its creator closes it. */
export interface SqliteLedger extends Ledger, StepLedger {
  close(): void
}

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
    return createSqliteLedger(retryWhileBusy(() => openDatabase(path, (db) => setUpLedger(toDatabase(db)))))
  } catch (error) {
    const advice = isDamage(error) ? '; move it away to begin a new one' : ''
    throw new UserError(`the ledger ${path} cannot be used (${toReason(error)})${advice}`, 'io')
  }
}

function createSqliteLedger(db: DatabaseSync): SqliteLedger {
  return { ...createSqlLedger(toDatabase(db)), close: () => db.close() }
}
