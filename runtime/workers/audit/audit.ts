import { createCoordinator } from '../../../functions/coordinator/coordinator.ts'
import { createState } from '../../../functions/coordinator/state.ts'
import { openAccess } from '../access/access.ts'
import { parseReplicas } from '../configuration.ts'
import { createHasher } from '../hasher.ts'
import { CONTENT_CACHE_BYTES } from '../limits.ts'
import { log } from '../log.ts'
import { createWorker } from '../respond.ts'
import { type AuditEnv, openLedger, parseLedger, parseMaxAge } from './configuration.ts'
import { mountMetrics } from './metrics.ts'
import { parseReceiver } from './notify.ts'

export { Digests } from '../digests/digest-object.ts'
export { AuditLedger } from './ledger-object.ts'
export { AuditPart } from './part-workflow.ts'

/**
 * A coordinator in workerd that compares all names by itself, whenever its cron trigger fires, and keeps what
 * it finds in a ledger.
 */
const worker = createWorker((env: AuditEnv) => {
  const access = openAccess(env)
  const replicas = parseReplicas(env, access)
  // What is used later; a wrong one is reported before that.
  parseLedger(env)
  parseMaxAge(env)
  parseReceiver(env)
  const state = createState({ bytes: CONTENT_CACHE_BYTES })
  const onLedgerFailed = (error: unknown) => log({ method: '', path: 'ledger', status: 500, ms: 0, error })
  return () => {
    const { ledger } = openLedger(env)
    const options = { ...access, state, createHasher, log, ledger, onLedgerFailed }
    const app = createCoordinator(replicas, options)
    mountMetrics(app, ledger)
    return app
  }
})

export default {
  fetch: worker.fetch,
  /** Begins an audit of all names, or sees to the one that is under way. */
  async scheduled({ scheduledTime }: { readonly scheduledTime: number }, env: AuditEnv): Promise<void> {
    await openLedger(env).object.fire(scheduledTime)
  },
}
