import { toUnkeptWords } from '../../wire/attributes.ts'
import type { ApplyLine } from '../../wire/schemas/plan.ts'
import { escapeControls } from '../../wire/text.ts'

type StepLine = Extract<ApplyLine, { outcome: string }>

const OUTCOMES = {
  done: 'written',
  already: 'already held it',
  skipped: 'skipped',
  failed: 'failed',
} as const

/** What became of a planned write, for people: `skipped: server1 holds another content than the plan saw`. */
export function toOutcomeWords({ outcome, detail, unkept = [] }: Omit<StepLine, 'name' | 'to'>): string {
  const reason = detail ?? (unkept.length > 0 ? toUnkeptWords(unkept) : undefined)
  return reason === undefined ? OUTCOMES[outcome] : `${OUTCOMES[outcome]}: ${escapeControls(reason)}`
}

/** Whether the replica holds the planned content now. */
export function isWritten({ outcome }: Pick<StepLine, 'outcome'>): boolean {
  return outcome === 'done' || outcome === 'already'
}
