import { sleep } from '../../bytes/pace.ts'
import { compareNames } from '../../storage/names.ts'
import {
  MAX_VERIFY_RETRY_MS,
  MAX_VERIFY_SLEEP_MS,
  MIN_VERIFY_RATE,
  MIN_VERIFY_STEP_BYTES,
  VERIFY_RESERVE,
  VERIFY_RETRY_MS,
  VERIFY_STEPS,
} from '../../wire/limits.ts'
import type { AuditSummary } from '../../wire/schemas/audit.ts'
import type { Replica } from '../ask/member.ts'
import { type CoordinatorOptions, createContext } from '../coordinator.ts'
import type { Audited } from '../observer.ts'
import type { Ledger, Verification } from './ledger.ts'
import { findEnd, listSizes, toPosition, verify } from './verify.ts'

/** How a coordinator verifies by itself. */
export interface VerifySchedule {
  /** Seconds in which every byte is read once. */
  readonly every: number
  /** Ends it at once. */
  readonly signal: AbortSignal
  /**
   * Called after each step; with `isNews` it found otherwise than was known, or a replica has just failed.
   */
  readonly onStep: (audited: Audited, isNews: boolean) => void
  /**
   * Called before each step with the bytes that are still to be read, and all of them; of copies, the
   * largest.
   */
  readonly onMeasured: (sizes: Sizes) => void
  /** Called with the size of each file that a replica has read. */
  readonly onRead: (id: string, bytes: number) => void
  /**
   * Called with one line when a replica, or the ledger, begins to fail, when it goes on, and at the end of a
   * verification.
   */
  readonly onNotice: (line: string) => void
}

/** Bytes, counted once for each name. */
interface Sizes {
  readonly left: number
  readonly all: number
}

/** The options of a coordinator that has a ledger, and shares what it remembers. */
type Options = CoordinatorOptions & Required<Pick<CoordinatorOptions, 'state'>> & { readonly ledger: Ledger }

/**
 * Verifies all replicas once in each period, evenly, one step after the other, each at a rate that follows
 * from what is left to read and the time for it. Goes on where the ledger says that a verification has come
 * to. What fails is tried again later. Resolves soon after `signal` aborts; never rejects.
 */
export async function verifyOnSchedule(
  replicas: readonly Replica[],
  options: Options,
  schedule: VerifySchedule,
): Promise<void> {
  const { signal, onNotice } = schedule
  const context = createContext(replicas, options)
  let failing: string | null = null
  let retry = VERIFY_RETRY_MS

  /** Reports a failure once. */
  function noteFailure(reason: string | null): void {
    if (reason !== null && failing === null)
      onNotice(`warning: verification: ${reason}; it goes on from where it has come to once that is fixed`)
    if (reason === null && failing !== null) onNotice('verification: goes on')
    failing = reason
  }

  while (!signal.aborted) {
    try {
      const { lost, pause } = await step({ ...context, ledger: options.ledger }, schedule, failing !== null)
      noteFailure(lost)
      retry = lost === null ? VERIFY_RETRY_MS : Math.min(2 * retry, MAX_VERIFY_RETRY_MS)
      await sleepLong(lost === null ? pause : retry, signal)
    } catch (error) {
      if (signal.aborted) return
      noteFailure(error instanceof Error ? error.message : String(error))
      retry = Math.min(2 * retry, MAX_VERIFY_RETRY_MS)
      await sleepLong(retry, signal).catch(() => {})
    }
  }
}

type Context = ReturnType<typeof createContext> & { readonly ledger: Ledger }

interface Step {
  /** Why a replica was left out; null when none was. */
  readonly lost: string | null
  /** Milliseconds until the next step is due. */
  readonly pause: number
}

async function step(context: Context, schedule: VerifySchedule, wasFailing: boolean): Promise<Step> {
  const { ledger } = context
  const { every, signal, onMeasured, onRead, onStep, onNotice } = schedule
  const before = await ledger.verification()
  const wait = toNextBegin(before, every) - Date.now()
  // Somebody may verify by hand meanwhile, which puts it off.
  if (wait > 0) return { lost: null, pause: Math.min(wait, MAX_VERIFY_SLEEP_MS) }
  const last = before === null || before.ended !== null ? await begin(ledger) : before
  const after = toPosition(last)
  const sizes = await measure(after, { ...context, signal })
  onMeasured(sizes)
  const { rate, bytes, due } = planStep(last, sizes.left, every)
  const until = await findEnd(after, ({ largest }) => largest >= bytes, { ...context, signal })
  const start = performance.now()
  const read = new Map<string, number>()
  let summary: AuditSummary | null = null
  try {
    await verify({ rate, until }, last, ledger, {
      ...{ ...context, trace: undefined, signal },
      onRead(id, bytes) {
        read.set(id, (read.get(id) ?? 0) + bytes)
        onRead(id, bytes)
      },
      async writeLine(line) {
        if ('summary' in line) summary = line.summary
      },
    })
  } finally {
    const ms = performance.now() - start
    if (!signal.aborted) onStep({ isWhole: false, ms, summary }, isNews(summary, wasFailing))
  }
  const lost = findLost(summary)
  const now = await ledger.verification()
  if (lost === null && now !== null && now.ended !== null) {
    onMeasured({ ...sizes, left: 0 })
    onNotice(`verification: every byte was read since ${new Date(now.began).toISOString()}`)
  }
  // What was read more than was due, such as the rest of a large file, is waited for.
  return { lost, pause: Math.max(0, Math.max(0, ...read.values()) / due - (performance.now() - start)) }
}

/**
 * What to read now: how many bytes, and how many a second, of each replica; `due` is what the schedule asks
 * for, in bytes a millisecond. `left` are the bytes that the verification has not read yet.
 */
export function planStep(
  { began }: Pick<Verification, 'began'>,
  left: number,
  every: number,
  now = Date.now(),
) {
  const period = 1000 * every
  const time = Math.max(began + (1 - VERIFY_RESERVE) * period - now, VERIFY_RESERVE * period)
  const due = Math.max(left, 1) / time
  const bytes = Math.max((due * period) / VERIFY_STEPS, MIN_VERIFY_STEP_BYTES)
  return { rate: Math.max(Math.ceil(1000 * due), MIN_VERIFY_RATE), bytes, due }
}

/** When a verification begins or goes on by the schedule: milliseconds since 1970. */
export function toNextBegin(last: Verification | null, every: number): number {
  return last === null || last.ended === null ? 0 : last.began + 1000 * every
}

/** When every byte must have been read again by the schedule: milliseconds since 1970. */
export function toVerifyDue({ began, ended }: Verification, every: number): number {
  return began + (ended === null ? 1 : 2) * 1000 * every
}

/** Notes at once when a verification begins: its first file may take days. */
async function begin(ledger: Ledger): Promise<Verification> {
  const last = { began: Date.now(), after: '', ended: null }
  await ledger.noteVerification(last)
  return last
}

async function measure(
  after: string,
  context: Pick<Context, 'members' | 'isIncluded'> & { readonly signal: AbortSignal },
): Promise<Sizes> {
  let [left, all] = [0, 0]
  for await (const { name, largest } of listSizes('', context)) {
    all += largest
    if (compareNames(name, after) > 0) left += largest
  }
  return { left, all }
}

/** Why replicas were left out; null when none was. */
function findLost(summary: AuditSummary | null): string | null {
  const lost = summary?.replicas.flatMap(({ id, state, detail }) =>
    state === 'ok' ? [] : `${id}: ${detail}`,
  )
  return lost === undefined || lost.length === 0 ? null : lost.join(', ')
}

/** Whether a step has found what nobody was told before. A part of the names has an agreement of its own. */
function isNews(summary: AuditSummary | null, wasFailing: boolean): boolean {
  if (summary === null) return false
  const { agreement, rotten, changes } = summary
  if (findLost(summary) !== null) return !wasFailing
  if (rotten > 0 || changes === undefined) return rotten > 0 || agreement !== 'unanimous'
  return changes.new > 0 || changes.settled > 0
}

/** Waits longer than a timer can. */
async function sleepLong(ms: number, signal: AbortSignal): Promise<void> {
  const end = Date.now() + ms
  for (let left = ms; left > 0; left = end - Date.now())
    await sleep(Math.min(left, MAX_VERIFY_SLEEP_MS), signal)
}
