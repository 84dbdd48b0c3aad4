import {
  fromFindingText,
  isPartial,
  type Ledger,
  type Scope,
  toFindingText,
} from '../../../functions/coordinator/ledger/ledger.ts'
import { compareNames } from '../../../functions/storage/names.ts'
import { createSelect } from '../../../functions/storage/survey/globs.ts'
import { MAX_NEW_EXAMPLES } from '../../../functions/wire/limits.ts'
import type { Changes, Differences, Manifest } from '../../../functions/wire/schemas.ts'
import { LEDGER_PAGE } from '../limits.ts'
import { IS_ENDED, IS_WHOLE, toScopeColumns, toText } from './audits.ts'
import type { Statements } from './statements.ts'

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

export function noteOne(db: Statements, audit: number, began: number, manifest: Manifest): void {
  const { name } = manifest
  const key = Buffer.from(name)
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

/** Removes what this audit of `scope` did not find again; returns how many. */
export function settle(
  db: Statements,
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
        ...[Buffer.from(after), audit],
      )
      .map(({ name }) => String(name))
    const compared = page.filter((name) => until === undefined || compareNames(name, until) <= 0)
    for (const name of compared.filter((name) => name.startsWith(scope.prefix) && isSelected(name))) {
      db.run('DELETE FROM differences WHERE name = ?', Buffer.from(name))
      addChange(db, audit, name, began, null)
      settled++
    }
    const last = page.at(-1)
    if (last === undefined || compared.length < page.length) return settled
    after = last
  }
}

/** What has changed since the last audit before this one that compared the same names, or all. */
export function toChanges(db: Statements, audit: number, scope: Scope, settled: number): Changes | undefined {
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

function addChange(db: Statements, audit: number, name: string, at: number, found: string | null): void {
  const values = [Buffer.from(name), audit, at, found]
  db.run('INSERT OR REPLACE INTO changes (name, audit, at, found) VALUES (?, ?, ?, ?)', ...values)
}

/** See `Ledger.count`. */
export function countDifferences(db: Statements, folders: readonly string[]): number[] {
  const all = 'SELECT count(*) AS names FROM differences'
  return folders.map((folder) => {
    const row =
      folder === '' ? db.get(all) : db.get(`${all} WHERE name >= ? AND name < ?`, ...toRange(folder))
    return Number(row?.['names'])
  })
}

/** See `Ledger.find`. */
export function findDifference(db: Statements, name: string): Manifest | null {
  const row = db.get(`${DIFFERENCES} WHERE d.name = ?`, Buffer.from(name))
  return row === undefined ? null : fromFindingText(name, String(row['found']))
}

/** See `Ledger.list`. */
export function listDifferences(
  db: Statements,
  { folder = '', after, limit }: Parameters<Ledger['list']>[0],
): Differences {
  const later = `${DIFFERENCES} WHERE d.name > ?`
  const order = 'ORDER BY d.name LIMIT ?'
  const from = Buffer.from(after)
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
function toRange(folder: string): [Buffer, Buffer] {
  return [Buffer.from(folder), Buffer.from(`${folder.slice(0, -1)}0`)]
}
