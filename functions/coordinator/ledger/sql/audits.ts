import { compareNames } from '../../../storage/names.ts'
import { createSelect } from '../../../storage/survey/globs.ts'
import type { Run, Status } from '../../../wire/schemas/ledger.ts'
import type { Scope, Verification } from '../ledger.ts'
import type { Database } from './database.ts'

/** An audit that compared all names from its first on. */
export const IS_ENDED = "ended IS NOT NULL AND summary ->> '$.next' IS NULL"
/** An audit without a prefix or globs, from the first name on. */
export const IS_WHOLE = "(prefix, match, exclude, start) = ('', '[]', '[]', '')"

/** Begins an audit; returns its number. */
export function insertAudit(db: Database, scope: Scope, began: number): number {
  const row = db.get(
    `INSERT INTO audits (prefix, match, exclude, start, began, verifies) VALUES (?, ?, ?, ?, ?, ?)
     RETURNING id`,
    ...[...toScopeColumns(scope), began, scope.isVerification ? 1 : 0],
  )
  return Number(row?.['id'])
}

export function readAudit(db: Database, id: number): { readonly began: number; readonly scope: Scope } {
  const row = db.get('SELECT * FROM audits WHERE id = ?', id)
  if (row === undefined) throw new Error(`the ledger has no audit ${id}`)
  return { began: Number(row['began']), scope: toRun(row) }
}

/** See `Ledger.audits`. */
export function listAudits(db: Database, limit: number): Run[] {
  const sql = `SELECT * FROM audits WHERE ${IS_WHOLE} AND ${IS_ENDED} ORDER BY id DESC LIMIT ?`
  return db.all(sql, limit).map(toRun)
}

/** When the first audit began that compared the name, whether or not it differed; null before it. */
export function findFirst(db: Database, name: string): string | null {
  for (let id: number | null = 0; id !== null; ) {
    const rows = db.all(`SELECT * FROM audits WHERE id > ? AND ended IS NOT NULL ORDER BY id LIMIT 20`, id)
    const found = rows.map(toRun).find((audit) => isCompared(name, audit))
    if (found !== undefined) return found.began
    id = rows.length === 0 ? null : Number(rows.at(-1)?.['id'])
  }
  return null
}

export function readVerification(db: Database): Verification | null {
  const row = db.get('SELECT * FROM verifications ORDER BY began DESC LIMIT 1')
  if (row === undefined) return null
  const { began, reached, ended } = row
  return { began: Number(began), after: String(reached), ended: ended === null ? null : Number(ended) }
}

/** Whether an audit that has ended compared the name. */
function isCompared(name: string, { prefix, match, exclude, after, summary }: Run): boolean {
  const isBefore = summary?.next === undefined || compareNames(name, summary.next) <= 0
  const isSelected = name.startsWith(prefix) && createSelect({ match, exclude })(name)
  return isSelected && compareNames(name, after) > 0 && isBefore
}

export function toScopeColumns({ prefix, match, exclude, after = '' }: Scope): string[] {
  return [prefix, JSON.stringify(match), JSON.stringify(exclude), after]
}

export function toVerificationText(verification: Verification | null): Status['verification'] {
  if (verification === null) return null
  const { began, after, ended } = verification
  return { began: toText(began), after, ended: ended === null ? null : toText(ended) }
}

export function toRun(row: Record<string, unknown>): Run {
  const { prefix, match, exclude, start, began, ended, summary } = row
  return {
    prefix: String(prefix),
    match: JSON.parse(String(match)),
    exclude: JSON.parse(String(exclude)),
    after: String(start),
    began: toText(Number(began)),
    ended: ended === null ? null : toText(Number(ended)),
    summary: summary === null ? null : JSON.parse(String(summary)),
  }
}

export function toText(ms: number): string {
  return new Date(ms).toISOString()
}
