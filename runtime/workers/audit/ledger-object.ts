import { DurableObject, type DurableObjectState } from 'cloudflare:workers'
import { setUpLedger } from '../../../functions/coordinator/ledger/sql/schema.ts'
import { createSqlLedger } from '../../../functions/coordinator/ledger/sql/sql-ledger.ts'
import type { Run } from '../../../functions/coordinator/steps/step-ledger.ts'
import { MOST_PARTS, STALLED_MS, STEP_BUDGET } from '../limits.ts'
import { toDatabase } from './database.ts'
import type { LedgerCaller, WholeLedger } from './remote-ledger.ts'

/** What names a Workflow: one does the steps of one part of a run. */
export interface PartParams {
  readonly audit: number
  readonly part: number
}

/** The Workflows, by the part of them that is used. */
interface Workflows {
  /** Rejects when there is one with this id. */
  create(options: { readonly id: string; readonly params: PartParams }): Promise<unknown>
  get(id: string): Promise<{
    /** Ends what runs, forgets what it did, and begins again. */
    restart(): Promise<void>
  }>
}

export interface LedgerObjectEnv {
  readonly AUDITS: Workflows
}

/**
 * The ledger of an audit Worker, in the SQLite of a Durable Object. It also sees to it that a run that has
 * begun goes on to its end: a part of which nothing was heard for `STALLED_MS` is started again, and goes on
 * from where the ledger says that it stands. On one's own machine no engine goes on by itself after a stop.
 */
export class AuditLedger extends DurableObject<LedgerObjectEnv> implements LedgerCaller {
  readonly #ledger: WholeLedger
  /** When each part was last heard of, by its id. */
  readonly #heard = new Map<string, number>()

  constructor(state: DurableObjectState, env: LedgerObjectEnv) {
    super(state, env)
    const db = toDatabase(state.storage)
    setUpLedger(db)
    this.#ledger = createSqlLedger(db)
  }

  async call(method: keyof WholeLedger, given: readonly unknown[]): Promise<unknown> {
    // Whoever calls from afar has the types of the ledger.
    const called = this.#ledger[method] as (...given: readonly unknown[]) => Promise<unknown>
    return await called(...given)
  }

  /** Begins the run of this time, in milliseconds since 1970, or sees to the one that is under way. */
  async fire(scheduledTime: number): Promise<void> {
    const sizes = { stepNames: STEP_BUDGET.names, mostParts: MOST_PARTS }
    await this.#goOn(await this.#ledger.beginRun(scheduledTime, sizes))
  }

  async noteAlive(part: PartParams): Promise<void> {
    this.#heard.set(toKey(part), Date.now())
  }

  /** Called by the platform at the time that `#goOn` sets. */
  async alarm(): Promise<void> {
    const run = await this.#ledger.openRun()
    if (run !== null) await this.#goOn(run)
  }

  /** Starts each part that has not ended and of which nothing is heard, and comes back to it later. */
  async #goOn({ audit, began, parts }: Run): Promise<void> {
    const open = parts.flatMap((at) => (at === null ? [] : { audit, part: at.part }))
    if (open.length === 0) return
    await this.ctx.storage.setAlarm(Date.now() + STALLED_MS)
    const now = Date.now()
    const silent = open.filter((part) => now - (this.#heard.get(toKey(part)) ?? 0) >= STALLED_MS)
    for (const part of silent) {
      await this.noteAlive(part)
      const id = `audit-${began}-${part.part}`
      await this.env.AUDITS.create({ id, params: part }).catch(async () => {
        await (await this.env.AUDITS.get(id)).restart()
      })
    }
  }
}

function toKey({ audit, part }: PartParams): string {
  return `${audit} ${part}`
}
