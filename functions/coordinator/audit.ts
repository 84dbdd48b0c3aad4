import { parseName } from '../storage/names.ts'
import {
  type Found,
  isFacts,
  NOTHING_SEEN,
  type Progress,
  type Range,
  type Span,
  type Survey,
} from '../storage/survey.ts'
import { AUDIT_BATCH_NAMES, MAX_SURVEY_RANGES, PROGRESS_MS, SPAN_GRAINS } from '../wire/limits.ts'
import { addPassed, countFiles, type Passed, toPassedMember } from '../wire/passed.ts'
import type { Agreement, AuditLine, AuditSummary, Manifest } from '../wire/schemas.ts'
import { StorageError } from '../wire/trouble.ts'
import { type Answer, compare } from './compare.ts'
import { mergeFound, type Sighting } from './found-merge.ts'
import type { Member } from './gather.ts'
import { toManifest } from './report.ts'
import { compareSpans } from './span-comparison.ts'
import { openStream, type Stream, type SurveyContext } from './survey-stream.ts'
import type { Suspects } from './suspects.ts'

/** What an audit looks at, and what it tells. */
export interface AuditRequest extends Pick<Survey, 'prefix' | 'maxAge' | 'match' | 'exclude'> {
  /** Whether every name is told, and not only those that are not `unanimous`. */
  readonly all: boolean
  /** Only names after this one in byte order. */
  readonly after?: string | undefined
}

/** What the audit needs beside its replicas. */
export interface AuditContext extends Omit<SurveyContext, 'onProgress' | 'onPassed'> {
  readonly suspects: Suspects
  /** Takes a line; resolves when there is room for the next. */
  readonly tell: (line: AuditLine) => Promise<void>
}

const NOTHING: Progress = { seen: NOTHING_SEEN, of: null }

/**
 * Compares all the names of all replicas, in one pass in byte order: by spans that hold the same wherever they do, and
 * name by name where they differ. Tells a manifest for each name that is not `unanimous` among those who answer, after
 * asking for it once more, and at last the summary. A replica that cannot go on is left out from there on, and the
 * result is then `degraded` at best; so it is where a replica holds what may be files and cannot be compared, or does not
 * say whether it does. Memory does not grow with the trees. Rejects when `signal` aborts.
 */
export async function audit(
  members: readonly Member[],
  request: AuditRequest,
  { tell, suspects, ...context }: AuditContext,
): Promise<void> {
  const { prefix, maxAge, match, exclude, all, after = '' } = request
  const whole: readonly Range[] = [{ after, until: null }]
  const lost = new Map<string, StorageError>()
  const progress = new Map(members.map(({ id }) => [id, NOTHING]))
  /** What each replica passed over, of those that have said something of it; and those that have said all. */
  const passed = new Map<string, readonly Passed[]>()
  const counted = new Set<string>()
  const agreements: Partial<Record<Agreement, number>> = {}
  const pass = crypto.randomUUID()
  let rotten = 0
  let told = performance.now()

  function count(agreement: Agreement, names: number): void {
    if (names > 0) agreements[agreement] = (agreements[agreement] ?? 0) + names
  }

  function onLost(id: string, error: StorageError): void {
    lost.set(id, error)
  }

  function open<T extends Span | Found>(ranges: readonly Range[], grain: number): Stream<T>[] {
    const isFirst = ranges === whole
    const onProgress = (id: string, one: Progress) => {
      if (isFirst) progress.set(id, one)
      if (performance.now() - told < PROGRESS_MS) return
      told = performance.now()
      // Nobody waits for it: it only shows that the audit is alive.
      tell({ progress: { replicas: [...progress].map(([id, one]) => ({ id, ...one })) } }).catch(() => {})
    }
    const onPassed = (id: string, more: readonly Passed[], isAll: boolean) => {
      if (!isFirst) return
      passed.set(id, addPassed(passed.get(id) ?? [], more))
      if (isAll) counted.add(id)
    }
    // Each range is surveyed more than once, and what is passed over in it counts once.
    const survey = { ranges, prefix, grain, maxAge, pass, passed: isFirst, match, exclude }
    return members
      .filter(({ id }) => !lost.has(id))
      .map((member) => openStream<T>(member, survey, { ...context, onProgress, onPassed }))
  }

  /** Where spans differ, smaller ones are compared, and at last the names. */
  async function descend(ranges: readonly Range[], level: number): Promise<void> {
    const grain = SPAN_GRAINS[level]
    if (grain === undefined) return await compareAll(ranges)
    const streams = open<Span>(ranges, grain)
    let apart: Range[] = []
    let [alikes, differing] = [0, 0]
    const look = async () => {
      // Where most differs, smaller spans would tell no more.
      const isMost = level > 0 && differing > alikes
      if (apart.length > 0) await descend(apart, isMost ? SPAN_GRAINS.length : level + 1)
      apart = []
    }
    try {
      for await (const { range, isAlike, names } of compareSpans(streams, ranges, onLost)) {
        if (isAlike && !suspects.isAnyIn(range)) {
          alikes++
          count(lost.size > 0 ? 'degraded' : 'unanimous', names)
          continue
        }
        differing++
        const last = apart.at(-1)
        if (last?.until === range.after) apart = [...apart.slice(0, -1), { ...last, until: range.until }]
        else apart.push(range)
        if (apart.length === MAX_SURVEY_RANGES) await look()
      }
      await look()
    } finally {
      for (const stream of streams) stream.leave()
    }
  }

  /** Compares name by name. */
  async function compareAll(ranges: readonly Range[]): Promise<void> {
    const streams = open<Found>(ranges, 0)
    let batch: Sighting[] = []
    try {
      for await (const sighting of mergeFound(streams, onLost)) {
        noteLost(sighting)
        if (!all && isSame(sighting)) {
          count(lost.size > 0 ? 'degraded' : 'unanimous', 1)
          continue
        }
        batch.push(sighting)
        if (batch.length < AUDIT_BATCH_NAMES) continue
        await report(batch)
        batch = []
      }
      await report(batch)
    } finally {
      for (const stream of streams) stream.leave()
    }
  }

  /** A store that cannot be reached for one file is none to go on with. */
  function noteLost({ answers }: Sighting): void {
    for (const { id, said } of answers) {
      if (said instanceof StorageError && said.code === 'unreachable') onLost(id, said)
    }
  }

  /** Whether those who are not left out hold the same, and none of their copies rotted or is corrupt. */
  function isSame({ name, answers, rotted }: Sighting): boolean {
    const heard = suspects.judge(
      answers.filter(({ id }) => !lost.has(id)),
      name,
    )
    return compare(heard).agreement === 'unanimous' && rotted.size === 0
  }

  /** Tells of these names what is still so when they are asked for once more. */
  async function report(batch: readonly Sighting[]): Promise<void> {
    const again = await askAgain(batch.filter((sighting) => !isSame(sighting)))
    for (const sighting of batch) {
      const answers = suspects.judge(again.get(sighting.name) ?? complete(sighting.answers), sighting.name)
      const comparison = compare(answers)
      const { agreement } = comparison
      if (agreement === 'absent') continue
      count(agreement, 1)
      rotten += sighting.rotted.size
      if (!all && agreement === 'unanimous' && sighting.rotted.size === 0) continue
      await tell(withRot(toManifest(sighting.name, comparison), sighting))
    }
  }

  async function askAgain(batch: readonly Sighting[]): Promise<Map<string, Answer[]>> {
    const asked = batch.filter(({ name }) => parseName(name) !== null)
    const names = asked.map(({ name }) => name)
    const questions = members.map(({ id, askAll }) => {
      const error = lost.get(id)
      return error
        ? names.map(() => ({ id, said: error }))
        : askAll(names, {
            trace: context.trace,
            getSignal: () => context.signal,
            maxAge: maxAge ?? undefined,
          })
    })
    const answers = await Promise.all(questions.map((promises) => Promise.all(promises)))
    return new Map(
      asked.map((sighting, i) => {
        const now = answers.flatMap((ofMember) => withSeen(ofMember[i], sighting) ?? [])
        // What could not be read, and nobody holds, is no name that went away.
        const isGone = compare(now).agreement === 'absent' && !sighting.answers.some(isError)
        return [
          sighting.name,
          isGone || compare(now).agreement !== 'absent' ? now : complete(sighting.answers),
        ]
      }),
    )
  }

  /**
   * The answers in the order of the members. Of a replica that was lost since, a null is its error: its survey lacked the
   * name, and no second question can confirm that.
   */
  function complete(answers: readonly Answer[]): Answer[] {
    return members.map(({ id }) => {
      const said = answers.find((answer) => answer.id === id)?.said ?? null
      return { id, said: said ?? lost.get(id) ?? null }
    })
  }

  function toSummary(): AuditSummary {
    const names = Object.values(agreements).reduce((a, b) => a + b, 0)
    const replicas = members.map(({ id }) => {
      const error = lost.get(id)
      const state = error
        ? ({ state: 'error', error: error.reason, detail: error.message } as const)
        : ({ state: 'ok' } as const)
      const seen = progress.get(id) ?? NOTHING
      return {
        id,
        ...state,
        ...seen,
        ...(counted.has(id) && { passed: toPassedMember(passed.get(id) ?? []) }),
      }
    })
    const uncompared = countFiles(replicas.flatMap(({ passed = [] }) => passed))
    const isAll = uncompared === 0 && members.every(({ id }) => counted.has(id))
    const agreement = toWhole(agreements, { lost: lost.size, of: members.length, isAll })
    return { agreement, names, agreements, rotten, uncompared, replicas }
  }

  if (all || maxAge !== null) await compareAll(whole)
  else await descend(whole, 0)
  await tell({ summary: toSummary() })
}

/** What a replica says now; of bytes that were seen to be others than it goes on to say, what they were seen to be. */
function withSeen(now: Answer | undefined, { answers, rotted }: Sighting): Answer | undefined {
  const isDenied = now !== undefined && isFacts(now.said) && now.said.digest === rotted.get(now.id)
  return isDenied ? answers.find(({ id }) => id === now.id) : now
}

function isError({ said }: Answer): boolean {
  return said instanceof StorageError
}

function withRot(manifest: Manifest, { rotted }: Sighting): Manifest {
  if (rotted.size === 0) return manifest
  const replicas = manifest.replicas.map((report) => ({ ...report, rottedFrom: rotted.get(report.id) }))
  return { ...manifest, replicas }
}

/** What all names come to together, by the rules for one. */
function toWhole(
  agreements: Partial<Record<Agreement, number>>,
  { lost, of, isAll }: { readonly lost: number; readonly of: number; readonly isAll: boolean },
): Agreement {
  if (agreements.conflict) return 'conflict'
  if (lost === of) return 'unknown'
  if (lost > 0 || !isAll || agreements.degraded || agreements.unknown) return 'degraded'
  if (agreements.incomplete) return 'incomplete'
  return agreements.unanimous ? 'unanimous' : 'absent'
}
