import { isFacts } from '../../storage/facts.ts'
import { moveFile } from '../../storage/writable.ts'
import type { PlanStep } from '../../wire/schemas/plan.ts'
import { StorageError, settle, toStorageError } from '../../wire/storage-error.ts'
import { withDeadline } from '../ask/deadlines.ts'
import type { Answer } from '../compare/compare.ts'
import { type ApplyContext, findSilence, getDigest, isAsPlanned, type Outcome, readModes } from './step.ts'

/** A step that gives a file another name. */
type Move = PlanStep & { readonly from: string }

/**
 * Moves a file on one replica, where every replica still holds the content under the same one of both names
 * as the plan saw. A move that was interrupted, and left the file both names, is completed.
 */
export async function applyMove(
  move: Move,
  steps: readonly PlanStep[],
  context: ApplyContext,
): Promise<Outcome> {
  const { name, from, to, digest } = move
  const [there, left] = await askBoth(move, context)
  const silence = findSilence([...there, ...left])
  if (silence !== undefined) return silence
  if (getDigest(there, to) === digest && getDigest(left, to) === null) return { outcome: 'already' }
  const changed = context.members.find(
    ({ id }) =>
      !isAsPlanned(getDigest(there, id), id, move, steps) ||
      !isLeftAsPlanned(getDigest(left, id), id, move, steps),
  )
  if (changed) return { outcome: 'skipped', detail: `${changed.id} holds another content than the plan saw` }
  const target = context.members.find(({ id }) => id === to)
  if (target === undefined) return { outcome: 'failed', detail: `there is no replica ${to}` }
  const holders = there.flatMap(({ id, said }) => (isFacts(said) && id !== to ? { ...said, id } : []))
  // Of the new directories: those of a replica that has the file under its new name.
  const modes = await settle(readModes({ ...context, name }, holders))
  if (modes instanceof StorageError)
    return { outcome: 'failed', detail: `no replica sent its permissions: ${modes.message}` }
  // A file that is not remembered is read, and its new directories are synced.
  try {
    await withDeadline({ silence: context.deadlines.answer }, (signal) =>
      moveFile(target.storage, from, name, { digest, modes, signal }),
    )
  } catch (error) {
    return await toOutcome(toStorageError(error), move, context)
  }
  return await confirm(move, context)
}

/** What every replica holds under the new name, and under the old. */
async function askBoth(
  { name, from }: Move,
  { members }: Pick<ApplyContext, 'members'>,
): Promise<readonly [Answer[], Answer[]]> {
  const askAll = (name: string) => Promise.all(members.map(({ ask }) => ask(name)))
  return await Promise.all([askAll(name), askAll(from)])
}

/** Whether a replica holds under the old name what the plan saw, or what its steps have left there. */
function isLeftAsPlanned(
  now: string | null,
  id: string,
  { seen, digest }: Move,
  steps: readonly PlanStep[],
): boolean {
  const planned = (seen[id] ?? null) === null ? digest : null
  return now === planned || (now === null && steps.some(({ to }) => to === id))
}

/** A move is skipped only when its target no longer holds what the plan saw. */
async function toOutcome(
  { code, message }: StorageError,
  move: Move,
  context: ApplyContext,
): Promise<Outcome> {
  const { to, digest } = move
  const isRefused = code === 'precondition' || code === 'changed'
  const [there, left] = isRefused ? await askTarget(move, context) : [[], []]
  const isChanged = isRefused && (getDigest(there, to) !== null || getDigest(left, to) !== digest)
  return { outcome: isChanged ? 'skipped' : 'failed', detail: `${to}: ${message}` }
}

async function confirm(move: Move, context: ApplyContext): Promise<Outcome> {
  const { from, to, digest } = move
  const [there, left] = await askTarget(move, context)
  const silence = findSilence([...there, ...left])
  if (silence !== undefined) return silence
  if (getDigest(there, to) === digest && getDigest(left, to) === null) return { outcome: 'done' }
  return {
    outcome: 'failed',
    detail: `${to} holds another content than was just moved, or still has ${from}`,
  }
}

/** `askBoth` of the one replica. */
async function askTarget(move: Move, context: ApplyContext) {
  const members = context.members.filter(({ id }) => id === move.to)
  return await askBoth(move, { members })
}
