import type { AuditSummary } from '../../wire/schemas/audit.ts'
import { compareStep, type StepContext } from './compare-step.ts'

/**
 * Does a step by name, and resolves with its result. An engine that keeps results returns the kept one when
 * it does the same step again; it tries again a step that rejects, some times, with pauses.
 */
export type DoStep = <T>(name: string, step: () => Promise<T>) => Promise<T>

/**
 * Does the steps of a part of a run, from where it stands to its end. A range in which a replica fails, each
 * time that the engine tries, is recorded as unverified, and the part goes on behind it. Resolves with the
 * summary of the run if this part has ended it, else with null. Rejects when the ledger fails.
 */
export async function runPart(
  { audit, part }: { readonly audit: number; readonly part: number },
  doStep: DoStep,
  context: StepContext,
): Promise<AuditSummary | null> {
  const { ledger } = context
  let at = await doStep('begin', () => ledger.findPosition(audit, part))
  while (at !== null) {
    const here = at
    at = await doStep(`compare ${here.nth}`, () => compareStep(here, false, context)).catch(() =>
      doStep(`leave ${here.nth}`, () => compareStep(here, true, context)),
    )
  }
  return await doStep('end', () => ledger.findOutcome(audit, part))
}
