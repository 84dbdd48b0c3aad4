import { LEDGER_PAGE, MAX_UNVERIFIED_EXAMPLES } from '../../../wire/limits.ts'
import type { AuditSummary } from '../../../wire/schemas/audit.ts'
import { mergeSummaries } from '../../audit/merge-summaries.ts'
import { planParts } from '../../steps/plan-parts.ts'
import type { Position, Run, RunSpan, Step, StepLedger } from '../../steps/step-ledger.ts'
import { insertAudit, readAudit } from './audits.ts'
import type { Database, SqlRow } from './database.ts'
import { endAudit, isVerified, noteOne, settle } from './differences.ts'

/** What a run compares. */
const ALL = { prefix: '', match: [], exclude: [] }

/** See `StepLedger`; its documents say what each method promises. */
export function createStepLedger(db: Database): StepLedger {
  return {
    async beginRun(began, sizes) {
      return db.transact(() => {
        const last = db.get(`${RUNS} ORDER BY audit DESC LIMIT 1`)
        if (last !== undefined && (last['ended'] === null || last['began'] === began)) return toRun(db, last)
        const spans = readSpans(db)
        const names = spans.reduce((sum, span) => sum + span.names, 0)
        const count = Math.min(sizes.mostParts, Math.max(1, Math.floor(names / sizes.stepNames)))
        const audit = insertAudit(db, ALL, began)
        const ends = planParts(spans, count).map(({ until }) => until)
        db.run('INSERT INTO runs (audit, parts) VALUES (?, ?)', audit, JSON.stringify(ends))
        forgetSteps(db, audit)
        return toRun(db, { audit, began })
      })
    },
    async openRun() {
      const row = db.get(`${RUNS} WHERE ended IS NULL ORDER BY audit DESC LIMIT 1`)
      return row === undefined ? null : toRun(db, row)
    },
    findPosition: async (audit, part) => readPosition(db, audit, part),
    async noteStep(step, manifests) {
      const { audit, part } = step
      return db.transact(() => {
        const at = readPosition(db, audit, part)
        // Somebody else has done the step.
        if (at === null || at.nth !== step.nth) return at
        const { began } = readAudit(db, audit)
        for (const manifest of manifests) noteOne(db, audit, began, manifest)
        const scope = { ...ALL, after: step.after }
        const settled = isVerified(step.summary)
          ? settle(db, audit, began, scope, step.reached ?? undefined)
          : 0
        insertStep(db, step, settled)
        const next = readPosition(db, audit, part)
        if (next === null && readParts(db, audit).every((one) => one === null)) endRun(db, step)
        return next
      })
    },
    async findOutcome(audit, part) {
      const row = db.get(`${RUNS} WHERE audit = ? AND ended_by = ?`, audit, part)
      return row === undefined ? null : JSON.parse(String(row['summary']))
    },
    spans: async () => readSpans(db),
  }
}

const RUNS = 'SELECT audit, began, ended, summary FROM runs JOIN audits ON id = audit'

function toRun(db: Database, { audit, began }: SqlRow): Run {
  return { audit: Number(audit), began: Number(began), parts: readParts(db, Number(audit)) }
}

/** The ends of the parts, in order; the last one is null. Throws for a run that the ledger does not have. */
function readEnds(db: Database, audit: number): readonly (string | null)[] {
  const row = db.get('SELECT parts FROM runs WHERE audit = ?', audit)
  if (row === undefined) throw new Error(`the ledger has no run ${audit}`)
  return JSON.parse(String(row['parts']))
}

function readParts(db: Database, audit: number): (Position | null)[] {
  const ends = readEnds(db, audit)
  return ends.map((_, part) => readPosition(db, audit, part, ends))
}

function readPosition(
  db: Database,
  audit: number,
  part: number,
  ends = readEnds(db, audit),
): Position | null {
  const until = ends[part]
  if (until === undefined) throw new Error(`run ${audit} has no part ${part}`)
  const last = db.get(
    'SELECT nth, reached FROM steps WHERE audit = ? AND part = ? ORDER BY nth DESC LIMIT 1',
    audit,
    part,
  )
  if (last === undefined) return { audit, part, nth: 0, after: ends[part - 1] ?? '', until }
  const { nth, reached } = last
  if (reached === until) return null
  return { audit, part, nth: Number(nth) + 1, after: String(reached), until }
}

function insertStep(
  db: Database,
  { audit, part, nth, after, reached, began, ended, summary }: Step,
  settled: number,
): void {
  const text = JSON.stringify({ ...summary, marks: undefined })
  const values = [audit, part, nth, after, reached, began, ended, settled, text]
  db.run(
    `INSERT INTO steps (audit, part, nth, start, reached, began, ended, settled, summary)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ...values,
  )
}

/** Ends the run of which this was the last step. */
function endRun(db: Database, { audit, part, ended }: Step): void {
  let summary: AuditSummary | undefined
  const unverified = createUnverified()
  let settled = 0
  for (const row of readSteps(db, audit)) {
    const one: AuditSummary = JSON.parse(String(row['summary']))
    summary = summary === undefined ? one : mergeSummaries(summary, one)
    settled += Number(row['settled'])
    if (!isVerified(one)) unverified.add(String(row['start']), toEnd(row))
  }
  if (summary === undefined) throw new Error(`run ${audit} has no steps`)
  const { next: _, scope: __, ...all } = summary
  endAudit(db, audit, ended, { ...all, ...unverified.toMember() }, settled)
  db.run('UPDATE runs SET ended_by = ? WHERE audit = ?', part, audit)
}

/** The steps of a run in the order of their names, a page at a time. */
function* readSteps(db: Database, audit: number): Generator<SqlRow> {
  const sql = `SELECT * FROM steps WHERE audit = ? AND (part, nth) > (?, ?) ORDER BY part, nth LIMIT ${LEDGER_PAGE}`
  for (let [part, nth] = [-1, 0]; ; ) {
    const rows = db.all(sql, audit, part, nth)
    yield* rows
    const last = rows.at(-1)
    if (last === undefined) return
    part = Number(last['part'])
    nth = Number(last['nth'])
  }
}

function toEnd({ reached }: SqlRow): string | null {
  return reached === null ? null : String(reached)
}

/** Collects the ranges in which some replica was left out, those beside each other as one. */
function createUnverified() {
  let ranges = 0
  let end: string | null | undefined
  const examples: { after: string; until: string | null }[] = []
  return {
    add(after: string, until: string | null): void {
      const last = examples.at(-1)
      if (after !== end) ranges++
      if (after === end && last !== undefined && examples.length === ranges) last.until = until
      else if (examples.length < MAX_UNVERIFIED_EXAMPLES) examples.push({ after, until })
      end = until
    },
    toMember: () => (ranges === 0 ? {} : { unverified: { ranges, examples } }),
  }
}

function readSpans(db: Database): RunSpan[] {
  const run = db.get(`${RUNS} WHERE ended IS NOT NULL ORDER BY audit DESC LIMIT 1`)
  if (run === undefined) return []
  return db
    .all(
      `SELECT start, reached, summary ->> '$.names' AS names FROM steps WHERE audit = ? ORDER BY part, nth`,
      Number(run['audit']),
    )
    .map((row) => ({ after: String(row['start']), until: toEnd(row), names: Number(row['names']) }))
}

/** Forgets the steps of all runs but this one, which begins, and the last one that has ended. */
function forgetSteps(db: Database, audit: number): void {
  const kept = db.get(`${RUNS} WHERE ended IS NOT NULL ORDER BY audit DESC LIMIT 1`)?.['audit'] ?? audit
  db.run('DELETE FROM steps WHERE audit NOT IN (?, ?)', audit, Number(kept))
}
