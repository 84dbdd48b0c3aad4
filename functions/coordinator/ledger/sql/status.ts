import type { Status } from '../../../wire/schemas/ledger.ts'
import { listAudits, readVerification, toRun, toVerificationText } from './audits.ts'
import type { Database } from './database.ts'
import { DIFFERENCES } from './differences.ts'

/** See `Ledger.status`. */
export function readStatus(db: Database): Status {
  const [last = null] = listAudits(db, 1)
  const unended = db.get('SELECT * FROM audits WHERE verifies = 0 ORDER BY id DESC LIMIT 1')
  const agreements = db.all(
    `SELECT found ->> 0 AS agreement, count(*) AS names FROM (${DIFFERENCES}) GROUP BY agreement`,
  )
  // No column of `json_each` may have these names: `id` would be the place of the element in its text.
  const states = db.all(
    `SELECT one.value ->> 0 AS replica, one.value ->> 1 AS state, count(*) AS names
     FROM (${DIFFERENCES}), json_each(found, '$[2]') AS one GROUP BY replica, state ORDER BY min(one.key), state`,
  )
  const byId = Map.groupBy(states, ({ replica }) => String(replica))
  return {
    last,
    unended: unended === undefined || unended['ended'] !== null ? null : toRun(unended),
    verification: toVerificationText(readVerification(db)),
    differing: Object.fromEntries(
      agreements.map(({ agreement, names }) => [String(agreement), Number(names)]),
    ),
    replicas: [...byId].map(([id, rows]) => ({
      id,
      states: Object.fromEntries(rows.map(({ state, names }) => [String(state), Number(names)])),
    })),
  }
}
