import type { Ledger } from '../../../functions/coordinator/ledger/ledger.ts'
import type { StepLedger } from '../../../functions/coordinator/steps/step-ledger.ts'

/** The whole of what a ledger in SQLite does. */
export type WholeLedger = Ledger & StepLedger

/** A Durable Object that calls the methods of its ledger. */
export interface LedgerCaller {
  call(method: keyof WholeLedger, given: readonly unknown[]): Promise<unknown>
}

const METHODS = {
  ...{ begin: 0, note: 0, end: 0, corrupt: 0, noteCorrupt: 0, noteMended: 0 },
  ...{ verification: 0, noteVerification: 0, lastVerified: 0 },
  ...{ status: 0, find: 0, audits: 0, count: 0, list: 0, history: 0, noteTree: 0, trees: 0 },
  ...{ beginRun: 0, openRun: 0, findPosition: 0, noteStep: 0, findOutcome: 0, spans: 0 },
} as const satisfies Record<keyof WholeLedger, 0>

/**
 * The ledger of a Durable Object, from afar. Rejects as the ledger does, and when the object cannot be
 * reached.
 */
export function createRemoteLedger(object: LedgerCaller): WholeLedger {
  const methods = Object.keys(METHODS) as (keyof WholeLedger)[] // Object.keys is typed string[]
  const calls = methods.map((method) => [method, (...given: unknown[]) => object.call(method, given)])
  return Object.fromEntries(calls) as WholeLedger // has each method, of the same types
}
