import { MAX_LEDGER_TREES } from '../../../wire/limits.ts'
import type { StepLedger } from '../../steps/step-ledger.ts'
import { fromFindingText, type Ledger } from '../ledger.ts'
import { findFirst, insertAudit, listAudits, readAudit, readVerification, toText } from './audits.ts'
import { type Database, toKey } from './database.ts'
import {
  countDifferences,
  endAudit,
  findDifference,
  isVerified,
  listDifferences,
  noteOne,
  settle,
} from './differences.ts'
import { readStatus } from './status.ts'
import { createStepLedger } from './steps.ts'

/** A ledger in SQLite. `db` was set up by `setUpLedger`, and is closed by its creator. */
export function createSqlLedger(db: Database): Ledger & StepLedger {
  return {
    ...createStepLedger(db),
    begin: async (scope, began) => insertAudit(db, scope, began),
    async note(audit, manifests) {
      const { began } = readAudit(db, audit)
      db.transact(() => {
        for (const manifest of manifests) noteOne(db, audit, began, manifest)
      })
    },
    async end(audit, ended, summary) {
      return db.transact(() => {
        const { began, scope } = readAudit(db, audit)
        const settled = isVerified(summary) ? settle(db, audit, began, scope, summary.next) : 0
        return endAudit(db, audit, ended, summary, settled)
      })
    },
    async corrupt() {
      return db.all('SELECT copy FROM corrupt ORDER BY found').map(({ copy }) => JSON.parse(String(copy)))
    },
    async noteCorrupt(copy) {
      const values = [copy.id, copy.digest, toKey(copy.name), Date.now(), JSON.stringify(copy)]
      db.run(
        'INSERT OR REPLACE INTO corrupt (replica, digest, name, found, copy) VALUES (?, ?, ?, ?, ?)',
        ...values,
      )
    },
    async noteMended({ id, digest, name }) {
      db.run('DELETE FROM corrupt WHERE (replica, digest, name) = (?, ?, ?)', id, digest, toKey(name))
    },
    verification: async () => readVerification(db),
    async noteVerification({ began, after, ended }) {
      db.run(
        'INSERT OR REPLACE INTO verifications (began, reached, ended) VALUES (?, ?, ?)',
        began,
        after,
        ended,
      )
    },
    async lastVerified() {
      const ended = db.get('SELECT max(ended) AS ended FROM verifications')?.['ended'] ?? null
      return ended === null ? null : Number(ended)
    },
    status: async () => readStatus(db),
    find: async (name) => findDifference(db, name),
    audits: async (limit) => listAudits(db, limit),
    count: async (folders) => countDifferences(db, folders),
    list: async (options) => listDifferences(db, options),
    async history(name) {
      const rows = db.all('SELECT at, found FROM changes WHERE name = ? ORDER BY audit', toKey(name))
      const changes = rows.map(({ at, found }) => ({
        at: toText(Number(at)),
        found: found === null ? null : fromFindingText(name, String(found)),
      }))
      return { name, watched: findFirst(db, name), changes }
    },
    async noteTree({ at, replicas, note }) {
      const values = [at, replicas.join(' '), note]
      const row = db.get('INSERT INTO trees (at, replicas, note) VALUES (?, ?, ?) RETURNING id', ...values)
      db.run('DELETE FROM trees WHERE id <= ?', Number(row?.['id']) - MAX_LEDGER_TREES)
    },
    async trees(limit) {
      const rows = db.all('SELECT at, replicas, note FROM trees ORDER BY id DESC LIMIT ?', limit)
      return rows.map(({ at, replicas, note }) => ({
        at: Number(at),
        replicas: String(replicas).split(' '),
        note: String(note),
      }))
    },
  }
}
