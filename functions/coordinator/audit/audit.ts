import { atMostEvery } from '../../bytes/heartbeat.ts'
import { isFacts } from '../../storage/facts.ts'
import { parseName } from '../../storage/names.ts'
import type { Amount, Found, Progress, Range, Span } from '../../storage/survey/survey.ts'
import { toTimestamp } from '../../wire/fields/dates.ts'
import {
  AUDIT_BATCH_NAMES,
  MAX_SURVEY_RANGES,
  PAID_SPAN_GRAINS,
  PROGRESS_MS,
  REPORT_NAMES_MS,
  SPAN_GRAINS,
} from '../../wire/limits.ts'
import type { Passed } from '../../wire/passed.ts'
import type { AuditSummary } from '../../wire/schemas/audit.ts'
import type { Manifest } from '../../wire/schemas/manifest.ts'
import { StorageError } from '../../wire/storage-error.ts'
import { type Answer, compare } from '../compare/compare.ts'
import { toManifest } from '../compare/report.ts'
import type { AuditContext, AuditRequest, Challenge } from './audit-request.ts'
import type { Proved, Prover } from './challenge.ts'
import { createEdges, type FindEdges } from './edges.ts'
import { findMissingFolder } from './missing-folder.ts'
import { toShare } from './sample.ts'
import { compareSpans, type Findings, mergeNames, openSurvey, type SurveyStream } from './surveys.ts'
import { createTally, type Tally } from './tally.ts'

interface Audit extends AuditContext {
  readonly request: AuditRequest
  /** The range of the first pass, whose progress and skipped entries count: later passes repeat parts. */
  readonly whole: readonly Range[]
  /** The sizes of spans that are compared, the largest first; see `SPAN_GRAINS`. */
  readonly grains: readonly number[]
  /** By `performance.now()`. */
  readonly begunAt: number
  /** Shared by all surveys of this audit. */
  readonly pass: string
  readonly tally: Tally
  readonly findEdges: FindEdges
  readonly showProgress: () => void
}

/**
 * Compares all names of all replicas in one pass in byte order: by spans, and name by name where those
 * differ. Reports a manifest for each name that is still not `unanimous` when asked for again, and last the
 * summary. A replica whose survey fails is left out from there on. The result is then `degraded` at best; so
 * it is when a replica skipped what may be files, or does not report it. Memory does not grow with the trees.
 * Rejects when `signal` aborts.
 */
export async function audit(request: AuditRequest, context: AuditContext): Promise<void> {
  const tally = createTally(context.members)
  const showProgress = atMostEvery(PROGRESS_MS, () => {
    // A sign of life, which the audit does not wait for.
    context.writeLine(tally.toProgress()).catch(() => {})
  })
  const whole: readonly Range[] = [{ after: request.after ?? '', until: request.until ?? null }]
  const begunAt = performance.now()
  const isPaid = context.members.some(({ storage }) => storage.billing !== undefined)
  const grains = isPaid ? PAID_SPAN_GRAINS : SPAN_GRAINS
  const one: Audit = {
    ...{ ...context, request, whole, grains, begunAt, pass: crypto.randomUUID() },
    ...{ tally, showProgress, findEdges: createEdges(request, context) },
  }
  const prover = request.challenge && (await openProver(one, request.challenge))
  if (request.all || request.maxAge !== null || prover !== undefined) await auditNames(one, whole, prover)
  else await auditSpans(one, whole, 0)
  if (request.until !== undefined) tally.stop(request.until)
  const { exclude } = context
  await context.writeLine({
    summary: {
      ...tally.toSummary(),
      ...(exclude.length > 0 && { exclude: [...exclude] }),
      ...toScopeMember(request),
      ...(prover && { proved: prover.toSummary() }),
    },
  })
}

/** What narrows the audit; nothing for one of all names. */
function toScopeMember({
  prefix,
  after = '',
  until,
  match,
  exclude,
}: AuditRequest): Pick<AuditSummary, 'scope'> {
  const isAll = prefix === '' && after === '' && until === undefined
  if (isAll && match.length === 0 && exclude.length === 0) return {}
  const end = until !== undefined && { until }
  return { scope: { prefix, after, ...end, match: [...match], exclude: [...exclude] } }
}

function openSurveys<T extends Span | Found>(audit: Audit, ranges: readonly Range[], grain: number) {
  const { request, tally, whole, pass, showProgress } = audit
  const isFirst = ranges === whole
  const onProgress = (id: string, progress: Progress) => {
    if (isFirst) tally.progress.set(id, progress)
    showProgress()
  }
  const onPassed = (id: string, passed: readonly Passed[], isAll: boolean) => {
    if (isFirst) tally.addPassed(id, passed, isAll)
  }
  const { prefix, maxAge, rate, match } = request
  const exclude = [...audit.exclude, ...request.exclude]
  const survey = { ranges, prefix, grain, maxAge, rate, pass, passed: isFirst, match, exclude }
  return audit.members
    .filter(({ id }) => !tally.lost.has(id))
    .map((member) => openSurvey<T>(member, survey, { ...audit, onProgress, onPassed }))
}

/** Runs `read`, and ends the surveys after it. */
async function readStreams<T>(
  streams: readonly SurveyStream<T>[],
  read: (streams: readonly SurveyStream<T>[]) => Promise<void>,
): Promise<void> {
  try {
    await read(streams)
  } finally {
    for (const stream of streams) stream.leave()
  }
}

/** Compares spans; where they differ, smaller spans, and at last the names. */
async function auditSpans(audit: Audit, ranges: readonly Range[], level: number): Promise<void> {
  const { grains } = audit
  const grain = grains[level]
  if (grain === undefined) return await auditNames(audit, ranges)
  const { tally, corruptCopies } = audit
  // A part that is looked into again belongs to a span that was counted.
  const limit = level === 0 ? audit.request.limit : undefined
  let within = audit
  let apart: Range[] = []
  let descendedAt = performance.now()
  let [alike, differing] = [0, 0]
  const compared = { names: 0, bytes: 0, differing: 0 }
  const isEnough = ({ names, bytes }: Amount) =>
    limit?.isReached({
      names: compared.names + names,
      bytes: compared.bytes + bytes,
      differing: compared.differing + names,
    }) === true

  async function descend(): Promise<void> {
    // Where most spans differ, smaller ones would not help.
    const isMost = level > 0 && differing > alike
    if (apart.length > 0) await auditSpans(within, apart, isMost ? grains.length : level + 1)
    apart = []
    descendedAt = performance.now()
  }

  await readStreams(openSurveys<Span>(audit, ranges, grain), async (streams) => {
    for await (const { range, isAlike, isCut, names, bytes } of compareSpans(
      streams,
      ranges,
      tally.lose,
      isEnough,
    )) {
      if (isCut) within = endAt(audit, range.until)
      compared.names += names
      compared.bytes += bytes
      if (level === 0 && range.until !== null) tally.mark(range.until, { names, bytes })
      if (isAlike && !corruptCopies.isAnyIn(range)) {
        alike++
        tally.countSame(names)
      } else {
        differing++
        compared.differing += names
        const last = apart.at(-1)
        if (last?.until === range.after) apart = [...apart.slice(0, -1), { ...last, until: range.until }]
        else apart.push(range)
        // What differs is not held back for long: a client that loses the connection goes on from there.
        const isDue = performance.now() - descendedAt >= REPORT_NAMES_MS
        if (apart.length === MAX_SURVEY_RANGES || isDue) await descend()
      }
      if (apart.length === 0 && range.until !== null) tally.reach(range.until)
      if (range.until === null || limit?.isReached(compared) !== true) continue
      tally.stop(range.until)
      break
    }
    await descend()
  })
}

async function openProver(audit: Audit, { share, seed }: Challenge): Promise<Prover> {
  const fraction = typeof share === 'number' ? share : toShare(share, await countNames(audit))
  const { createProver } = await import('./challenge.ts')
  return createProver({ share: fraction, seed }, audit, audit.showProgress)
}

/** The number of names in the range on the replica that has most of them. */
async function countNames(audit: Audit): Promise<number> {
  const counts: number[] = []
  await readStreams(openSurveys<Span>(audit, [...audit.whole], SPAN_GRAINS[0] ?? 0), async (streams) => {
    counts.push(...(await Promise.all(streams.map(countNamesOf))))
  })
  return Math.max(0, ...counts)
}

/** The number of names of one replica, as far as its survey comes. */
async function countNamesOf({ next }: SurveyStream<Span>): Promise<number> {
  let names = 0
  for (let span = await next(); span !== null && !(span instanceof StorageError); span = await next())
    names += span.names
  return names
}

/** The audit that ends behind this name, which is not one that all replicas hold. */
function endAt(audit: Audit, until: string | null): Audit {
  const request = { ...audit.request, until: until ?? undefined }
  const whole = audit.whole.map((one) => ({ ...one, until }))
  return { ...audit, request, whole, findEdges: createEdges(request, audit) }
}

/** A name that is to be reported, or proved. */
interface Named extends Findings {
  /** Whether its copies are to be proved. */
  readonly isChosen: boolean
}

/** Compares name by name. */
async function auditNames(audit: Audit, ranges: readonly Range[], prover?: Prover): Promise<void> {
  const { tally, request } = audit
  const limit = ranges === audit.whole ? request.limit : undefined
  let batch: Named[] = []
  const compared = { names: 0, bytes: 0, differing: 0 }
  let reportedAt = performance.now()
  await readStreams(openSurveys<Found>(audit, ranges, 0), async (streams) => {
    for await (const findings of mergeNames(streams, ranges, audit.whole, tally.lose)) {
      for (const { id, said } of findings.answers) {
        // A store that is unreachable for one file is left out.
        if (said instanceof StorageError && said.code === 'unreachable') tally.lose(id, said)
      }
      const isChosen = prover !== undefined && (await prover.isChosen(findings.name))
      const isAlike = isSame(audit, findings)
      if (!request.all && !isChosen && isAlike) tally.countSame(1)
      else batch.push({ ...findings, isChosen })
      const bytes = sumSizes(findings)
      compared.names++
      if (!isAlike) compared.differing++
      compared.bytes += bytes
      if (ranges === audit.whole) tally.mark(findings.name, { names: 1, bytes })
      const isEnd = limit?.isReached(compared) === true
      const isDue =
        performance.now() - reportedAt >= REPORT_NAMES_MS ||
        (limit?.onReported !== undefined && compared.names % AUDIT_BATCH_NAMES === 0)
      if (batch.length === 0) tally.reach(findings.name)
      if (!isEnd && !isDue && batch.length < AUDIT_BATCH_NAMES) continue
      await report(audit, batch, prover)
      batch = []
      reportedAt = performance.now()
      tally.reach(findings.name)
      if (tally.lost.size === 0) await limit?.onReported?.(findings.name)
      if (isEnd) return tally.stop(findings.name)
    }
    await report(audit, batch, prover)
  })
}

/** The bytes of all copies. */
function sumSizes({ answers }: Findings): number {
  return answers.reduce((sum, { said }) => sum + (isFacts(said) ? (said.size ?? 0) : 0), 0)
}

/** Whether the replicas that are not left out hold the same, and no copy rotted or is corrupt. */
function isSame({ tally, corruptCopies }: Audit, { name, answers, rotted }: Findings): boolean {
  const rest = answers.filter(({ id }) => !tally.lost.has(id))
  return compare(corruptCopies.judge(rest, name)).agreement === 'unanimous' && rotted.size === 0
}

/** Reports those names that still differ when the replicas are asked again. */
async function report(audit: Audit, batch: readonly Named[], prover?: Prover): Promise<void> {
  const { request, tally, corruptCopies } = audit
  const differing = batch.filter((findings) => !isSame(audit, findings))
  const again = await askAgain(audit, differing)
  const arrived = findArrived(differing, again)
  const answers = new Map(
    batch.map((findings) => {
      const { name } = findings
      return [name, corruptCopies.judge(again.get(name) ?? complete(audit, findings), name)]
    }),
  )
  const chosen = new Map(
    batch.flatMap(({ name, isChosen }) => (isChosen ? [[name, answers.get(name) ?? []] as const] : [])),
  )
  const proved = await prover?.prove(chosen)
  for (const findings of batch) {
    const { name, rotted } = findings
    const proof = proved?.get(name)
    const comparison = compare(proof?.answers ?? answers.get(name) ?? [])
    const { agreement } = comparison
    if (agreement === 'absent') continue
    tally.count(agreement, 1, rotted.size)
    if (!request.all && agreement === 'unanimous' && rotted.size === 0) continue
    const manifest = await withSurveyed(toManifest(name, comparison), findings, arrived, audit)
    await audit.writeLine(proof ? withDisproofs(manifest, proof) : manifest)
  }
}

function withDisproofs(manifest: Manifest, { disproved }: Proved): Manifest {
  const replicas = manifest.replicas.map((report) => ({ ...report, disproof: disproved.get(report.id) }))
  return { ...manifest, replicas }
}

/** The names that each replica lacked in its survey, and holds now. */
function findArrived(
  batch: readonly Findings[],
  again: ReadonlyMap<string, readonly Answer[]>,
): Map<string, string[]> {
  const arrived = new Map<string, string[]>()
  for (const { name, around } of batch) {
    for (const { id, said } of again.get(name) ?? []) {
      if (said !== null && around.has(id)) arrived.set(id, [...(arrived.get(id) ?? []), name])
    }
  }
  return arrived
}

async function askAgain(audit: Audit, batch: readonly Findings[]): Promise<Map<string, Answer[]>> {
  const asked = batch.filter(({ name }) => parseName(name) !== null)
  const names = asked.map(({ name }) => name)
  const { trace, signal, tally } = audit
  const options = { trace, getSignal: () => signal, maxAge: toSecondAge(audit) }
  const questions = audit.members.map(({ id, askAll }) => {
    const said = tally.lost.get(id)
    return said ? names.map(() => ({ id, said })) : askAll(names, options)
  })
  const answers = await Promise.all(questions.map((promises) => Promise.all(promises)))
  return new Map(
    asked.map((findings, i) => {
      const now = answers.flatMap((ofMember) => withSeen(ofMember[i], findings) ?? [])
      // A name that could not be read, and that no replica now holds, was not deleted in the meantime.
      const isReadable = !findings.answers.some(({ said }) => said instanceof StorageError)
      const isKnown = isReadable || compare(now).agreement !== 'absent'
      return [findings.name, isKnown ? now : complete(audit, findings)]
    }),
  )
}

/**
 * `maxAge` of a second question. With a rate, which it could not keep, the readings of this audit will do.
 */
function toSecondAge({ request: { maxAge, rate }, begunAt }: Audit): number | undefined {
  if (maxAge === null || rate === undefined) return maxAge ?? undefined
  return maxAge + Math.ceil((performance.now() - begunAt) / 1000)
}

/** The answers in member order; a replica left out since answers its error, not a null to be confirmed. */
function complete({ members, tally }: Audit, { answers }: Findings): Answer[] {
  return members.map(({ id }) => {
    const said = answers.find((answer) => answer.id === id)?.said ?? null
    return { id, said: said ?? tally.lost.get(id) ?? null }
  })
}

/** A replica's second answer; its first when the second repeats a digest that its bytes contradicted. */
function withSeen(now: Answer | undefined, { answers, rotted }: Findings): Answer | undefined {
  const isDenied = now !== undefined && isFacts(now.said) && now.said.digest === rotted.get(now.id)?.from
  return isDenied ? answers.find(({ id }) => id === now.id) : now
}

/** The manifest with what only the surveys show: which copies rotted, and which folders a replica lacks. */
async function withSurveyed(
  manifest: Manifest,
  { name, rotted, around }: Findings,
  arrived: ReadonlyMap<string, readonly string[]>,
  { request, findEdges }: Audit,
): Promise<Manifest> {
  const replicas = manifest.replicas.map(async (report) => {
    const { id, state } = report
    const own = state === 'missing' ? around.get(id) : undefined
    const others = own && [...own, ...(arrived.get(id) ?? []), ...(await findEdges(id, name))]
    const missingFolder = others && findMissingFolder(name, request.prefix, others)
    const was = rotted.get(id)
    const goodAt = toTimestamp(was?.goodAt ?? null) ?? undefined
    return { ...report, rottedFrom: was?.from, goodAt, missingFolder }
  })
  return { ...manifest, replicas: await Promise.all(replicas) }
}
