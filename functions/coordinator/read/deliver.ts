import { createAnswer } from '../../http/answer.ts'
import type { RequestHead } from '../../http/app.ts'
import { createProblem, type ProblemOptions, type ProblemType, toProblem } from '../../http/problems.ts'
import { answerContent, type Representation, toRepresentation } from '../../http/serve-content.ts'
import { isPartOfAny } from '../../wire/fields/conditions.ts'
import type { ByteRange } from '../../wire/fields/ranges.ts'
import { toVersionHref } from '../../wire/fields/routes.ts'
import { MAX_COMPARISONS } from '../../wire/limits.ts'
import { StorageError, settle } from '../../wire/storage-error.ts'
import { isTimeout } from '../ask/deadlines.ts'
import { gather } from '../ask/gather.ts'
import {
  type Answer,
  type Comparison,
  compare,
  isSendable,
  type SentVersion,
  type Version,
} from '../compare/compare.ts'
import { toFailures, toFields, toManifest } from '../compare/report.ts'
import type { CoordinatorContext, ReadRequest } from '../context.ts'
import { answerConflict } from './conflict.ts'
import { METALINK_TYPE, toMetalink } from './metalink.ts'
import { isPartCheap, openCached, openVersion } from './open-version.ts'
import { answerReceipt } from './receipt.ts'

export type DeliverRequest = ReadRequest & Pick<CoordinatorContext, 'recentReads'>

/**
 * Answers GET or HEAD with the result of comparing all copies. A holder is asked for bytes only once it is
 * known that the client gets them. A holder that fails before its first byte counts as one that did not
 * answer; when its copy has changed, only after all were compared again, `MAX_COMPARISONS` times at most.
 *
 * A read of one version needs only its holders, so it waits briefly for a replica that was late when it was
 * last asked. Before it refuses the version, it asks every replica again, within the whole deadline.
 */
export async function deliver(request: RequestHead, read: DeliverRequest): Promise<Response> {
  const isBrief = read.version !== undefined && isAnyLate(read)
  const answers = await gather(isBrief ? { ...read, isBrief } : read)
  return answerFrom(request, read, { answers, isBrief, comparisons: 1 })
}

/** What the replicas said. */
interface Gathered {
  readonly answers: readonly Answer[]
  /** Whether late ones were not waited for. */
  readonly isBrief: boolean
  /** How often all were compared for this read. */
  readonly comparisons: number
}

/** Answers with what the answers come to. Not async: most reads have all that they need by now. */
function answerFrom(
  request: RequestHead,
  read: DeliverRequest,
  gathered: Gathered,
): Response | Promise<Response> {
  const { answers, isBrief } = gathered
  const { comparison, represent } = read.recentReads.find(read.name, answers)
  const chosen = choose(read, comparison)
  if (isBrief && chosen instanceof Response) return answerPatiently(request, read, gathered)
  if (chosen === 'conflict') return answerConflict(request, read, comparison)
  if (chosen instanceof Response) return chosen
  if (read.signing) return answerReceipt(read, read.signing, { answers, version: chosen })
  if (read.form !== undefined) return answerForm(request, read, comparison, chosen)
  const sent = send(request, read, chosen, represent(chosen))
  if (!(sent instanceof Promise)) return sent
  return sent.catch((error) => answerWithout(request, read, gathered, { chosen, error }))
}

async function answerPatiently(request: RequestHead, read: DeliverRequest, gathered: Gathered) {
  return await answerFrom(request, read, { ...gathered, answers: await gather(read), isBrief: false })
}

/** Answers after the first source of the chosen version failed. */
async function answerWithout(
  request: RequestHead,
  read: DeliverRequest,
  gathered: Gathered,
  { chosen, error }: { readonly chosen: SentVersion; readonly error: unknown },
): Promise<Response> {
  if (!(error instanceof StorageError)) throw error
  if (error.code === 'integrity') read.corruptCopies.add(chosen.sources[0] ?? '', chosen, read.name)
  const { answers, comparisons } = gathered
  if (error.code !== 'changed' || comparisons === MAX_COMPARISONS)
    return await answerFrom(request, read, { ...gathered, answers: withFailure(answers, chosen, error) })
  const again = await gatherAgain(read, answers)
  return await answerFrom(request, read, { ...gathered, answers: again, comparisons: comparisons + 1 })
}

/** Whether some replica let a deadline pass when it was last asked. */
function isAnyLate({ members }: ReadRequest): boolean {
  return members.some(({ breaker }) => breaker.lastTimeout() !== null)
}

/** Asks the members once more, but for those that let a deadline pass in this read: their errors stay. */
async function gatherAgain(read: ReadRequest, answers: readonly Answer[]): Promise<Answer[]> {
  const late = new Set(answers.filter(({ said }) => isTimeout(said)).map(({ id }) => id))
  const again = await gather({ ...read, members: read.members.filter(({ id }) => !late.has(id)) })
  const byId = new Map(again.map((answer) => [answer.id, answer]))
  return answers.map((answer) => byId.get(answer.id) ?? answer)
}

/** Returns the version to deliver, or the answer to send instead. */
export function choose(read: ReadRequest, comparison: Comparison): SentVersion | 'conflict' | Response {
  const { versions, answers, answered, agreement } = comparison
  const { version: wanted, required = 1 } = read
  const toAnswer = (type: ProblemType, detail: string) => {
    const fields = toFields(comparison, versions.length === 1 ? versions[0] : undefined)
    return createProblem(type, detail, { fields, manifest: toManifest(read.name, comparison) })
  }

  const isChanged = answers.some(({ said }) => said instanceof StorageError && said.code === 'changed')
  if (versions.length === 0 && isChanged) {
    return toAnswer('changed-while-reading', 'the file changed each time it was about to be sent')
  }
  if (answered < required) {
    const count = `${answered} of ${answers.length} replicas answered, but ${required} must`
    return toAnswer('too-few-answers', `${count}; ${toFailures(answers)}`)
  }
  if (read.isStrict && agreement === 'incomplete' && !wanted) {
    const missing = answers.filter(({ said }) => said === null).map(({ id }) => id)
    return toAnswer('incomplete', `missing on ${missing.join(', ')}`)
  }
  const version = wanted ? versions.find(({ digest }) => digest === wanted) : versions[0]
  if (version !== undefined && agreement === 'conflict' && !wanted) return 'conflict'
  if (version !== undefined)
    return isSendable(version) ? version : answerListsOnly(read.name, comparison, version)
  if (answered < answers.length) {
    const others = answered === 0 ? '' : '; the others lack it'
    return toAnswer('existence-unknown', `cannot say: ${toFailures(answers)}${others}`)
  }
  if (wanted) return toAnswer('not-found', 'no replica holds that version now')
  const [first] = answers
  return toAnswer(
    'not-found',
    answers.length === 1
      ? `not found on ${first?.id}, the only replica`
      : `not found on any of ${answers.length} replicas (all answered)`,
  )
}

/** Answers with where the version is, or with its metalink. */
function answerForm(
  request: RequestHead,
  { name, form }: ReadRequest,
  comparison: Comparison,
  version: SentVersion,
) {
  const fields = { ...toFields(comparison, version), 'Cache-Control': 'no-store' }
  const href = toVersionHref(name, version.digest)
  if (form === 'pin' && isPartOfAny(request))
    return refusePart(href, { fields, manifest: toManifest(name, comparison) })
  if (form === 'pin') return createAnswer(307, { ...fields, Location: href, 'Content-Length': '0' }, null)
  const body = toMetalink(name, version, new URL(href, request.url))
  const own = { 'Content-Type': METALINK_TYPE, 'Content-Length': String(body.length) }
  return createAnswer(200, { ...fields, ...own }, request.method === 'HEAD' ? null : body)
}

/** Refuses a part that may be of another content than those before it; `href` is where only this one is. */
function refusePart(href: string, options: ProblemOptions): Response {
  const detail = `the part may be of another content than the parts before it; request ${href}, or add If-Range with an ETag`
  return createProblem('version-required', detail, options)
}

/** No version is delivered, so that the fields name the version of each list. */
function answerListsOnly(name: string, comparison: Comparison, { holders }: Version): Response {
  const options = { fields: toFields(comparison), manifest: toManifest(name, comparison) }
  return createProblem('unreadable', toListsOnly(holders), options)
}

function toListsOnly(holders: readonly string[]): string {
  return `only lists have a digest of this file, and no bytes: ${holders.join(', ')}`
}

/** Waits, and fails, only where the content is not in the cache. */
function send(
  request: RequestHead,
  read: ReadRequest,
  version: SentVersion,
  representation: Representation,
): Response | Promise<Response> {
  if (read.isWholeOnly && isPartOfAny(request, version.size))
    return refusePart(toVersionHref(read.name, version.digest), { fields: representation.own })
  const open = (range?: ByteRange) => openCached(read, version, range) ?? openVersion(read, version, range)
  return answerContent(request, representation, open, () => isPartCheap(read, version))
}

/** The answers, with the version's first source counted as one that did not answer. */
function withFailure(answers: readonly Answer[], { sources }: Version, error: StorageError): Answer[] {
  return answers.map((answer) => (answer.id === sources[0] ? { id: answer.id, said: error } : answer))
}

/** Answers with one replica's own copy, without an agreement; 404 means only that this replica lacks it. */
export async function deliverCopy(request: RequestHead, read: ReadRequest): Promise<Response> {
  const answers = await gather(read)
  const { versions } = compare(answers)
  const [version] = versions
  const said = answers[0]?.said
  if (said instanceof StorageError) return toProblem(said, { fields: toCopyFields(answers) })
  const fields = toCopyFields(answers, version)
  if (version === undefined) return createProblem('not-found', 'this replica has no such file', { fields })
  if (!isSendable(version))
    return createProblem('unreadable', toListsOnly(version.holders), { fields: toCopyFields(answers) })
  const representation = toRepresentation({ name: read.name, ...version }, fields)
  const sent = send(request, read, version, representation)
  const response = sent instanceof Promise ? await settle(sent) : sent
  if (!(response instanceof StorageError)) return response
  return toProblem(response, { fields: toCopyFields(withFailure(answers, version, response)) })
}

function toCopyFields(answers: readonly Answer[], version?: Version): Record<string, string> {
  return { 'Replica-Status': toFields(compare(answers), version)['Replica-Status'] ?? '' }
}
