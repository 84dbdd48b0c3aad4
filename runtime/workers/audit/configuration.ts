import { toObjects } from '../bindings.ts'
import type { CoordinatorEnv } from '../configuration.ts'
import { ConfigurationError } from '../configuration-error.ts'
import type { AuditLedger, LedgerObjectEnv } from './ledger-object.ts'
import { createRemoteLedger, type WholeLedger } from './remote-ledger.ts'

/** Variables and bindings of an audit Worker, beside those of a coordinator. */
export interface AuditEnv extends CoordinatorEnv, LedgerObjectEnv {
  /** The Durable Objects of which one holds the ledger. */
  readonly LEDGER: LedgerObjects
  /** Seconds: what was read longer ago is read again, and 0 reads every byte; absent for any evidence. */
  readonly MAX_AGE?: unknown
  /** A secret: the address to which outcomes are posted; absent for none. */
  readonly NOTIFY?: unknown
  /** A secret: the key that signs them. */
  readonly NOTIFY_SECRET?: unknown
}

interface LedgerObjects {
  getByName(name: string): Pick<AuditLedger, 'call' | 'fire' | 'noteAlive'>
}

/** The objects that `LEDGER` names. Throws ConfigurationError for any other binding, or none. */
export function parseLedger({ LEDGER }: AuditEnv): LedgerObjects {
  if (toObjects(LEDGER) !== null) return LEDGER
  throw new ConfigurationError(
    "LEDGER takes the Durable Object class 'AuditLedger' of this Worker, as wrangler.toml binds it",
  )
}

/** The ledger of the Worker, and the object that holds it, for one request. Throws ConfigurationError. */
export function openLedger(env: AuditEnv): {
  readonly object: Pick<AuditLedger, 'call' | 'fire' | 'noteAlive'>
  readonly ledger: WholeLedger
} {
  const object = parseLedger(env).getByName('ledger')
  return { object, ledger: createRemoteLedger(object) }
}

/** See `AuditRequest`; null when absent. Throws ConfigurationError. */
export function parseMaxAge({ MAX_AGE }: AuditEnv): number | null {
  if (MAX_AGE === undefined || MAX_AGE === '') return null
  if (typeof MAX_AGE === 'string' && /^\d{1,12}$/.test(MAX_AGE)) return Number(MAX_AGE)
  throw new ConfigurationError('MAX_AGE takes a whole number of seconds, and 0 reads every byte')
}
