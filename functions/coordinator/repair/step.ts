import { type Facts, isFacts } from '../../storage/facts.ts'
import type { Modes } from '../../wire/attributes.ts'
import type { Digest } from '../../wire/digest.ts'
import type { ApplyLine, PlanStep } from '../../wire/schemas/plan.ts'
import { StorageError } from '../../wire/storage-error.ts'
import { withDeadline } from '../ask/deadlines.ts'
import type { Answer } from '../compare/compare.ts'
import type { CoordinatorContext, ReadRequest } from '../context.ts'

export interface ApplyContext extends Omit<ReadRequest, 'name'>, Pick<CoordinatorContext, 'members'> {
  /** Takes a line; resolves when there is room for the next. */
  readonly writeLine: (line: ApplyLine) => Promise<void>
  /** After it aborts no further step is begun. */
  readonly signal: AbortSignal
}

export type Outcome = Pick<Extract<ApplyLine, { outcome: string }>, 'outcome' | 'detail' | 'unkept'>

/** A replica that holds a step's content, and its modification time as in `Facts`. */
export type Holder = Pick<Facts, 'modified'> & { readonly id: string }

export function isAsPlanned(
  now: Digest | null,
  id: string,
  { seen }: PlanStep,
  steps: readonly PlanStep[],
): boolean {
  return now === (seen[id] ?? null) || steps.some(({ to, digest }) => to === id && digest === now)
}

export function getDigest(answers: readonly Answer[], id: string): Digest | null {
  const said = answers.find((answer) => answer.id === id)?.said ?? null
  return isFacts(said) ? said.digest : null
}

/** The permissions of the first copy whose store has permissions; undefined when none has. */
export async function readModes(
  { name, members, deadlines }: ReadRequest,
  holders: readonly Holder[],
): Promise<Modes | undefined> {
  for (const { id } of holders) {
    const storage = members.find((member) => member.id === id)?.storage
    const modes = await withDeadline(deadlines, async (signal) => storage?.readModes?.(name, { signal }))
    if (modes) return modes
  }
  return undefined
}

/** The failure of a replica that did not answer; undefined when all did. */
export function findSilence(answers: readonly Answer[]): Outcome | undefined {
  const silent = answers.find(({ said }) => said instanceof StorageError)
  if (!(silent?.said instanceof StorageError)) return undefined
  return { outcome: 'failed', detail: `${silent.id}: ${silent.said.message}` }
}
