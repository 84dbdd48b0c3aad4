import type { Context } from 'hono'
import { type Chunks, toStream } from '../../bytes/chunks.ts'
import { withHeartbeat } from '../../bytes/heartbeat.ts'
import { answerLines, toBodyChunks } from '../../http/answer.ts'
import type { AppEnv } from '../../http/app.ts'
import { createProblem } from '../../http/problems.ts'
import { readParsedBody } from '../../http/request-body.ts'
import { isFacts } from '../../storage/facts.ts'
import { parseName } from '../../storage/names.ts'
import type { PutOptions, Storage, Written } from '../../storage/storage.ts'
import { requireWritable } from '../../storage/writable.ts'
import { MAX_PLAN_BYTES, MAX_STEPS_UNDER_WAY } from '../../wire/limits.ts'
import { type Plan, type PlanStep, parsePlan } from '../../wire/schemas/plan.ts'
import { StorageError, settle, toStorageError } from '../../wire/storage-error.ts'
import { type Deadlines, watchReplica } from '../ask/deadlines.ts'
import type { Member } from '../ask/member.ts'
import type { CoordinatorContext, ReadRequest } from '../context.ts'
import { openVersion } from '../read/open-version.ts'
import { applyMove } from './apply-move.ts'
import {
  type ApplyContext,
  findSilence,
  getDigest,
  type Holder,
  isAsPlanned,
  type Outcome,
  readModes,
} from './step.ts'

/** `POST /apply`: the lines of `apply` as steps end. Stops after those under way when its client leaves. */
export async function answerApply(c: Context<AppEnv>, context: CoordinatorContext): Promise<Response> {
  if (!context.isWritable) return createProblem('read-only', 'this coordinator takes no writes')
  return await context.limits.plans.run(async () => {
    const plan = await readParsedBody(c, parsePlan, {
      limit: MAX_PLAN_BYTES,
      takes:
        'a plan as POST /plan makes it: its replicas and steps, each with name, to, digest, size and seen',
    })
    if (plan instanceof Response) return plan
    const ids = context.members.map(({ id }) => id)
    const wrong = findWrong(plan, ids)
    if (wrong !== undefined) return createProblem('invalid-body', wrong)
    const { trace } = c.var
    return answerLines((writeLine, signal) => apply(plan, { ...context, trace, writeLine, signal }))
  })
}

/** A message when a plan of the right shape does not fit these replicas; undefined otherwise. */
function findWrong({ replicas, steps }: Plan, ids: readonly string[]): string | undefined {
  if (replicas.length !== ids.length || replicas.some((id) => !ids.includes(id))) {
    return `the plan is for ${replicas.join(', ')}; the replicas here are ${ids.join(', ')}`
  }
  const written = new Set<string>()
  for (const { name, from, to, seen } of steps) {
    if (written.size === written.add(`${to}/${name}`).size) return `the plan writes ${name} to ${to} twice`
    const invalid = [name, from ?? name].find((one) => parseName(one) === null)
    if (invalid !== undefined) return `the plan has a step for '${invalid}', which is not a valid file name`
    if (!ids.includes(to)) return `the plan writes ${name} to ${to}, which is not a replica here`
    const unseen = ids.find((id) => !Object.hasOwn(seen, id))
    if (unseen !== undefined) return `the plan does not say what ${unseen} held of ${name}`
    if (from !== undefined && (from === name || seen[to] !== null))
      return `the plan moves ${from} to ${name} on ${to}, where it saw that name taken`
  }
  return undefined
}

/**
 * Does the steps of a plan, a few names at a time; reports the outcome of each, and at last their numbers. A
 * step is done only where every replica still holds what the plan saw, or has written since, so that a plan
 * may be applied again after an interruption. After a write the replica is asked what it holds.
 */
export async function apply(plan: Plan, context: ApplyContext): Promise<void> {
  const { signal, writeLine } = context
  const counts = { done: 0, already: 0, skipped: 0, failed: 0 }
  const groups = Map.groupBy(plan.steps, ({ name }) => name).values()

  async function work(): Promise<void> {
    for (const steps of groups) {
      for (const step of steps) {
        signal.throwIfAborted()
        const outcome = await applyStep(step, steps, context)
        counts[outcome.outcome]++
        const { name, from, to } = step
        await writeLine({ name, ...(from !== undefined && { from }), to, ...outcome })
      }
    }
  }

  const beat = () => {
    const steps = Object.values(counts).reduce((a, b) => a + b, 0)
    // A sign of life, which the work does not wait for.
    writeLine({ progress: { steps, of: plan.steps.length } }).catch(() => {})
  }
  await withHeartbeat(beat, async () => {
    const works = Array.from({ length: MAX_STEPS_UNDER_WAY }, work)
    // A write under way is finished even when another worker fails, as each does after the client has left.
    await Promise.allSettled(works)
    await Promise.all(works)
  })
  await writeLine({ summary: counts })
}

/** Applies one step; `steps` are all of its name, some of which may have been done. */
async function applyStep(
  step: PlanStep,
  steps: readonly PlanStep[],
  context: ApplyContext,
): Promise<Outcome> {
  const { members } = context
  const { from } = step
  if (from !== undefined) return await applyMove({ ...step, from }, steps, context)
  const answers = await Promise.all(members.map(({ ask }) => ask(step.name)))
  const silence = findSilence(answers)
  if (silence !== undefined) return silence
  if (getDigest(answers, step.to) === step.digest) return { outcome: 'already' }
  const changed = answers.find(({ id }) => !isAsPlanned(getDigest(answers, id), id, step, steps))
  if (changed) return { outcome: 'skipped', detail: `${changed.id} holds another content than the plan saw` }
  const holders = answers.flatMap(({ id, said }) =>
    isFacts(said) && said.evidence !== 'recorded' && said.digest === step.digest && said.size === step.size
      ? { ...said, id }
      : [],
  )
  if (holders.length === 0) return { outcome: 'skipped', detail: 'no replica holds the content any more' }
  return await write(step, holders, context)
}

async function write(step: PlanStep, holders: readonly Holder[], context: ApplyContext): Promise<Outcome> {
  const { name, to, digest, size, seen } = step
  const replaces = seen[to] ?? null
  const target = context.members.find(({ id }) => id === to)
  if (target === undefined) return { outcome: 'failed', detail: `there is no replica ${to}` }
  const read = { ...context, name }
  // A replaced file keeps its own permissions.
  const modes = replaces === null ? await settle(readModes(read, holders)) : undefined
  if (modes instanceof StorageError)
    return { outcome: 'failed', detail: `no replica sent its permissions: ${modes.message}` }
  const body = await openAny(read, step, holders)
  if (body instanceof StorageError)
    return { outcome: 'failed', detail: `no replica sent it: ${body.message}` }
  const modified = holders.find(({ modified }) => modified !== null)?.modified ?? null
  let unkept: Written['unkept']
  try {
    const what = { digest, size, replaces, modified, modes }
    unkept = (await put(target.storage, name, body, what, read.deadlines)).unkept
  } catch (error) {
    return await toOutcome(toStorageError(error), step, target)
  }
  const { said } = await target.ask(name)
  if (said instanceof StorageError) return { outcome: 'failed', detail: `${to}: ${said.message}` }
  if (said?.digest === digest) {
    context.corruptCopies.mend(to, step, name)
    return { outcome: 'done', ...(unkept && { unkept: [...unkept] }) }
  }
  return { outcome: 'failed', detail: `${to} holds another content than was just written` }
}

/** The content of a step, from the first of its holders that sends it. */
async function openAny(
  read: ReadRequest,
  { digest, size }: PlanStep,
  holders: readonly Holder[],
): Promise<Chunks | StorageError> {
  let failure = new StorageError('unreadable', 'no replica holds it')
  const ids = holders.map(({ id }) => id)
  for (const first of ids) {
    const order = [first, ...ids.filter((id) => id !== first)]
    const body = await settle(openVersion(read, { digest, size, holders: order, sources: order }))
    if (body instanceof StorageError) failure = body
    else return toBodyChunks(body)
  }
  return failure
}

/** A step is skipped only when its target no longer holds what the plan saw. */
async function toOutcome(
  { code, message }: StorageError,
  { name, to, seen }: PlanStep,
  target: Member,
): Promise<Outcome> {
  const isRefused = code === 'precondition' || code === 'changed'
  const now = isRefused ? await target.ask(name) : undefined
  const isChanged = now !== undefined && getDigest([now], to) !== (seen[to] ?? null)
  return { outcome: isChanged ? 'skipped' : 'failed', detail: `${to}: ${message}` }
}

/** Writes, with a deadline for each chunk that the target takes, and a longer one for syncing to disk. */
async function put(
  storage: Storage,
  name: string,
  body: Chunks,
  what: Omit<PutOptions, 'signal'>,
  { silence, answer }: Deadlines,
): Promise<Written> {
  const abort = new AbortController()
  let watch = start(silence)

  function start(ms: number) {
    const watch = watchReplica({ silence: ms })
    watch.expired.catch((error) => abort.abort(error))
    return watch
  }

  const watched: Chunks = {
    async next() {
      watch.note({ done: 1 })
      const next = await body.next()
      watch.stop()
      watch = start(next.done ? answer : silence)
      return next
    },
    cancel: (reason) => body.cancel(reason),
  }
  try {
    return await requireWritable(storage).put(name, toStream(watched), { ...what, signal: abort.signal })
  } finally {
    watch.stop()
  }
}
