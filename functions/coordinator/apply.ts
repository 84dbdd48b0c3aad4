import type { Facts, PutOptions, Storage, Written } from '../storage/storage.ts'
import { type Chunks, fromBytes, toChunks, toStream } from '../storage/streams.ts'
import { isFacts } from '../storage/survey.ts'
import { settle } from '../wire/app.ts'
import type { Modes } from '../wire/attributes.ts'
import type { Digest } from '../wire/digest.ts'
import { HEARTBEAT_MS, MAX_STEPS_UNDER_WAY } from '../wire/limits.ts'
import type { ApplyLine, Plan, PlanStep } from '../wire/plan-schemas.ts'
import { StorageError, toStorageError } from '../wire/trouble.ts'
import type { Answer } from './compare.ts'
import type { Member } from './gather.ts'
import { openVersion, type Read } from './read.ts'
import { type Deadlines, watchReplica, withDeadline } from './silence.ts'

export interface ApplyContext {
  /** Those that the plan names, and no others. */
  readonly members: readonly Member[]
  /** The read of one name, from which its content is taken. */
  readonly toRead: (name: string) => Read
  /** Takes a line; resolves when there is room for the next. */
  readonly tell: (line: ApplyLine) => Promise<void>
  /** Once it is aborted no further step is begun. */
  readonly signal: AbortSignal
}

type Outcome = Pick<Extract<ApplyLine, { outcome: string }>, 'outcome' | 'detail' | 'unkept'>

/**
 * Does what a plan says and nothing else, a few names at a time: tells what became of each step, and at last how many
 * came to what. A step is done only where every replica still holds what the plan saw, or what the plan has put there
 * since; so a plan may be applied again after it was interrupted. What was written is asked for once more.
 */
export async function apply(plan: Plan, context: ApplyContext): Promise<void> {
  const counts = { done: 0, already: 0, skipped: 0, failed: 0 }
  const groups = groupByName(plan.steps).values()

  async function work(): Promise<void> {
    for (const steps of groups) {
      for (const step of steps) {
        context.signal.throwIfAborted()
        const outcome = await applyStep(step, steps, context)
        counts[outcome.outcome]++
        await context.tell({ name: step.name, to: step.to, ...outcome })
      }
    }
  }

  const heartbeat = setInterval(() => {
    const steps = Object.values(counts).reduce((a, b) => a + b, 0)
    // Nobody waits for it: it only shows that a long write is under way.
    context.tell({ progress: { steps, of: plan.steps.length } }).catch(() => {})
  }, HEARTBEAT_MS)
  try {
    const works = Array.from({ length: MAX_STEPS_UNDER_WAY }, work)
    // A write that is under way goes on when another worker fails, as each does once the client has left.
    await Promise.allSettled(works)
    await Promise.all(works)
  } finally {
    clearInterval(heartbeat)
  }
  await context.tell({ summary: counts })
}

function groupByName(steps: readonly PlanStep[]): Map<string, PlanStep[]> {
  const groups = new Map<string, PlanStep[]>()
  for (const step of steps) {
    const group = groups.get(step.name)
    if (group === undefined) groups.set(step.name, [step])
    else group.push(step)
  }
  return groups
}

/** One step; `steps` are all of its name, some of which may be done by now. */
async function applyStep(
  step: PlanStep,
  steps: readonly PlanStep[],
  context: ApplyContext,
): Promise<Outcome> {
  const { members } = context
  const answers = await Promise.all(members.map(({ ask }) => ask(step.name)))
  const silent = answers.find(({ said }) => said instanceof StorageError)
  if (silent?.said instanceof StorageError) {
    return { outcome: 'failed', detail: `${silent.id}: ${silent.said.message}` }
  }
  if (getDigest(answers, step.to) === step.digest) return { outcome: 'already' }
  const changed = answers.find(({ id }) => !isAsPlanned(getDigest(answers, id), id, step, steps))
  if (changed) return { outcome: 'skipped', detail: `${changed.id} holds another content than the plan saw` }
  const holders = answers.flatMap(({ id, said }) =>
    isFacts(said) && isStep(said, step) ? { id, modified: said.modified } : [],
  )
  if (holders.length === 0) return { outcome: 'skipped', detail: 'no replica holds the content any more' }
  return await write(step, holders, context)
}

/** A replica that holds the content of a step, and since when: milliseconds since 1970, null where it keeps no time. */
type Holder = Pick<Facts, 'modified'> & { readonly id: string }

function isStep({ digest, size }: Facts, step: PlanStep): boolean {
  return digest === step.digest && size === step.size
}

function isAsPlanned(
  now: Digest | null,
  id: string,
  { seen }: PlanStep,
  steps: readonly PlanStep[],
): boolean {
  return now === (seen[id] ?? null) || steps.some(({ to, digest }) => to === id && digest === now)
}

function getDigest(answers: readonly Answer[], id: string): Digest | null {
  const said = answers.find((answer) => answer.id === id)?.said ?? null
  return isFacts(said) ? said.digest : null
}

async function write(
  step: PlanStep,
  holders: readonly Holder[],
  { members, toRead }: ApplyContext,
): Promise<Outcome> {
  const { name, to, digest, size, seen } = step
  const replaces = seen[to] ?? null
  const target = members.find(({ id }) => id === to)
  if (target === undefined) return { outcome: 'failed', detail: `there is no replica ${to}` }
  const read = toRead(name)
  // A file that is replaced keeps its own permissions.
  const modes = replaces === null ? await settle(readModes(read, holders)) : undefined
  if (modes instanceof StorageError)
    return { outcome: 'failed', detail: `no replica gave its permissions: ${modes.message}` }
  const ids = holders.map(({ id }) => id)
  const body = await openAny(read, step, ids)
  if (body instanceof StorageError)
    return { outcome: 'failed', detail: `no replica gave it: ${body.message}` }
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
  if (said?.digest === digest) return { outcome: 'done', ...(unkept && { unkept: [...unkept] }) }
  return { outcome: 'failed', detail: `${to} holds another content than was just written` }
}

/** The permissions of the first copy whose store has such; undefined when none does. */
async function readModes(
  { name, members, deadlines }: Read,
  holders: readonly Holder[],
): Promise<Modes | undefined> {
  for (const { id } of holders) {
    const storage = members.find((member) => member.id === id)?.storage
    const modes = await withDeadline(
      deadlines,
      async (signal) => await storage?.readModes?.(name, { signal }),
    )
    if (modes) return modes
  }
  return undefined
}

/** The content of a step, from the first of its holders that gives it. */
async function openAny(
  read: Read,
  { digest, size }: PlanStep,
  holders: readonly string[],
): Promise<Chunks | StorageError> {
  let failure = new StorageError('unreadable', 'nobody holds it')
  for (const [i, holder] of holders.entries()) {
    const rest = [holder, ...holders.slice(0, i), ...holders.slice(i + 1)]
    const body = await settle(openVersion(read, { digest, size, modified: null, holders: rest }))
    if (body instanceof StorageError) failure = body
    else return body instanceof ReadableStream ? toChunks(body) : fromBytes(body ?? new Uint8Array())
  }
  return failure
}

/** Overtaken is only a step whose target is no longer as the plan saw it. */
async function toOutcome(
  { code, message }: StorageError,
  { name, to, seen }: PlanStep,
  target: Member,
): Promise<Outcome> {
  const isRefused = code === 'precondition' || code === 'changed'
  const now = isRefused ? await target.ask(name) : undefined
  const isOvertaken = now !== undefined && getDigest([now], to) !== (seen[to] ?? null)
  return { outcome: isOvertaken ? 'skipped' : 'failed', detail: `${to}: ${message}` }
}

/** Writes, as long as the target takes some of it now and then; to bring it to the disk it may take longer. */
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
    return await storage.put(name, toStream(watched), { ...what, signal: abort.signal })
  } finally {
    watch.stop()
  }
}
