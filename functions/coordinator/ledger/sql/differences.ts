import { compareNames } from '../../../storage/names.ts'
import { createSelect } from '../../../storage/survey/globs.ts'
import { LEDGER_PAGE, MAX_LEDGER_AUDITS, MAX_NEW_EXAMPLES } from '../../../wire/limits.ts'
import type { AuditSummary, Changes } from '../../../wire/schemas/audit.ts'
import type { Differences } from '../../../wire/schemas/ledger.ts'
import type { Manifest } from '../../../wire/schemas/manifest.ts'
import { fromFindingText, isPartial, type Ledger, type Scope, toFindingText } from '../ledger.ts'
import { IS_ENDED, IS_WHOLE, readAudit, toScopeColumns, toText } from './audits.ts'
import { type Database, toKey } from './database.ts'

interface DifferenceRow {
  readonly name: string
  readonly first: number
  readonly changed: number
  readonly since: number
  readonly found: string
}

/** The names that differ, with what was found of each. */
export const DIFFERENCES = `SELECT CAST(d.name AS TEXT) AS name, first, changed, since, found
  FROM differences AS d JOIN changes AS c ON c.name = d.name AND c.audit = d.changed`

export function noteOne(db: Database, audit: number, began: number, manifest: Manifest): void {
  const { name } = manifest
  const key = toKey(name)
  const before = db.get(`${DIFFERENCES} WHERE d.name = ?`, key) as DifferenceRow | undefined // by its columns
  const found = toFindingText(manifest, before?.found)
  const isSame = before !== undefined && (before.found === found || isPartial(manifest))
  if (!isSame) addChange(db, audit, name, began, found)
  const { first = audit, changed = audit, since = began } = before ?? {}
  const values = [key, first, audit, isSame ? changed : audit, since]
  db.run(
    'INSERT OR REPLACE INTO differences (name, first, last, changed, since) VALUES (?, ?, ?, ?, ?)',
    ...values,
  )
}

/** Whether no replica failed in what was compared: only then has a name settled that was not found again. */
export function isVerified({ replicas }: AuditSummary): boolean {
  return replicas.every(({ state }) => state === 'ok')
}

/** Removes what this audit of `scope` did not find again; returns how many. */
export function settle(
  db: Database,
  audit: number,
  began: number,
  scope: Scope,
  until: string | undefined,
): number {
  const isSelected = createSelect(scope)
  let settled = 0
  for (let { after = '' } = scope; ; ) {
    const page = db
      .all(
        `SELECT CAST(d.name AS TEXT) AS name FROM differences AS d WHERE d.name > ? AND last < ?
       ORDER BY d.name LIMIT ${LEDGER_PAGE}`,
        ...[toKey(after), audit],
      )
      .map(({ name }) => String(name))
    const compared = page.filter((name) => until === undefined || compareNames(name, until) <= 0)
    for (const name of compared.filter((name) => name.startsWith(scope.prefix) && isSelected(name))) {
      db.run('DELETE FROM differences WHERE name = ?', toKey(name))
      addChange(db, audit, name, began, null)
      settled++
    }
    const last = page.at(-1)
    if (last === undefined || compared.length < page.length) return settled
    after = last
  }
}

/** Ends an audit, in whose scope so many names have settled; returns what has changed. */
export function endAudit(
  db: Database,
  audit: number,
  ended: number,
  summary: AuditSummary,
  settled: number,
): Changes | undefined {
  const { scope } = readAudit(db, audit)
  const changes = toChanges(db, audit, scope, settled)
  const whole: AuditSummary = { ...summary, ...(changes && { changes }) }
  db.run('UPDATE audits SET ended = ?, summary = ? WHERE id = ?', ended, JSON.stringify(whole), audit)
  db.run('DELETE FROM audits WHERE id <= ?', audit - MAX_LEDGER_AUDITS)
  return changes
}

/** What has changed since the last audit before this one that compared the same names, or all. */
function toChanges(db: Database, audit: number, scope: Scope, settled: number): Changes | undefined {
  const earlier = db.get(
    `SELECT ended, summary ->> '$.agreement' AS agreement FROM audits WHERE id < ? AND ${IS_ENDED}
     AND ((prefix, match, exclude, start) = (?, ?, ?, ?) OR ${IS_WHOLE}) ORDER BY id DESC LIMIT 1`,
    ...[audit, ...toScopeColumns(scope)],
  )
  if (earlier === undefined) return undefined
  const names = db.all(
    `SELECT CAST(d.name AS TEXT) AS name FROM differences AS d WHERE first = ? ORDER BY d.name LIMIT ${MAX_NEW_EXAMPLES}`,
    audit,
  )
  return {
    since: toText(Number(earlier['ended'])),
    was: String(earlier['agreement']) as Changes['was'], // of a summary
    new: Number(db.get('SELECT count(*) AS names FROM differences WHERE first = ?', audit)?.['names']),
    examples: names.map(({ name }) => String(name)),
    settled,
  }
}

function addChange(db: Database, audit: number, name: string, at: number, found: string | null): void {
  const values = [toKey(name), audit, at, found]
  db.run('INSERT OR REPLACE INTO changes (name, audit, at, found) VALUES (?, ?, ?, ?)', ...values)
}

/** See `Ledger.count`. */
export function countDifferences(db: Database, folders: readonly string[]): number[] {
  const all = 'SELECT count(*) AS names FROM differences'
  return folders.map((folder) => {
    const row =
      folder === '' ? db.get(all) : db.get(`${all} WHERE name >= ? AND name < ?`, ...toRange(folder))
    return Number(row?.['names'])
  })
}

/** See `Ledger.find`. */
export function findDifference(db: Database, name: string): Manifest | null {
  const row = db.get(`${DIFFERENCES} WHERE d.name = ?`, toKey(name))
  return row === undefined ? null : fromFindingText(name, String(row['found']))
}

/** See `Ledger.list`. */
export function listDifferences(
  db: Database,
  { folder = '', after, limit }: Parameters<Ledger['list']>[0],
): Differences {
  const later = `${DIFFERENCES} WHERE d.name > ?`
  const order = 'ORDER BY d.name LIMIT ?'
  const from = toKey(after)
  const rows =
    folder === ''
      ? db.all(`${later} ${order}`, from, limit + 1)
      : db.all(`${later} AND d.name >= ? AND d.name < ? ${order}`, from, ...toRange(folder), limit + 1)
  const entries = (rows as unknown as DifferenceRow[]) // by its columns
    .slice(0, limit)
    .map(({ name, found, since }) => ({ ...fromFindingText(name, found), since: toText(since) }))
  return { entries, next: rows.length > limit ? (entries.at(-1)?.name ?? null) : null }
}

/** The names in a folder are those from its own name on, and before it with the byte after its last slash. */
function toRange(folder: string): [Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>] {
  return [toKey(folder), toKey(`${folder.slice(0, -1)}0`)]
}
