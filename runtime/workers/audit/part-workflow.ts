import { WorkflowEntrypoint, type WorkflowStep } from 'cloudflare:workers'
import { atMostEvery } from '../../../functions/bytes/heartbeat.ts'
import { createContext } from '../../../functions/coordinator/coordinator.ts'
import { isChanged } from '../../../functions/coordinator/ledger/outcome.ts'
import { type DoStep, runPart } from '../../../functions/coordinator/steps/run-part.ts'
import type { AuditSummary } from '../../../functions/wire/schemas/audit.ts'
import { parseReplicas } from '../configuration.ts'
import { createHasher } from '../hasher.ts'
import { ALIVE_MS, STEP_BUDGET } from '../limits.ts'
import { type AuditEnv, openLedger, parseMaxAge } from './configuration.ts'
import type { PartParams } from './ledger-object.ts'
import { notify, parseReceiver } from './notify.ts'

/** When a step is tried again: after 10, 20 and 40 seconds. */
const STEP_OPTIONS = {
  retries: { limit: 3, delay: '10 seconds', backoff: 'exponential' },
  timeout: '1 hour',
} as const

/** Does the steps of one part of a run, in a Cloudflare Workflow. */
export class AuditPart extends WorkflowEntrypoint<AuditEnv, PartParams> {
  async run({ payload }: { readonly payload: PartParams }, step: WorkflowStep): Promise<void> {
    const { object, ledger } = openLedger(this.env)
    const { members, corruptCopies, exclude, deadlines } = createContext(
      parseReplicas(this.env, { writable: false }),
      { createHasher },
    )
    const onAlive = atMostEvery(ALIVE_MS, () => {
      // A sign of life, which the step does not wait for.
      object.noteAlive(payload).catch(() => {})
    })
    const doStep = <T>(name: string, work: () => Promise<T>) => step.do(name, STEP_OPTIONS, work)
    const summary = await runPart(payload, doStep, {
      ...{ members, corruptCopies, exclude, deadlines, createHasher },
      ...{ ledger, budget: STEP_BUDGET, maxAge: parseMaxAge(this.env), onAlive },
    })
    if (summary !== null) await this.#tell(summary, doStep)
  }

  async #tell(summary: AuditSummary, doStep: DoStep): Promise<void> {
    const receiver = parseReceiver(this.env)
    if (receiver === null || !isChanged(summary)) return
    const id = await doStep('name the message', async () => `msg_${crypto.randomUUID()}`)
    await doStep('notify', () => notify(receiver, id, summary))
  }
}
