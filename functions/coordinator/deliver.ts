import { settle } from '../wire/app.ts'
import { MAX_COMPARISONS } from '../wire/limits.ts'
import { createProblem, type ProblemType, toProblem } from '../wire/problems.ts'
import type { ByteRange } from '../wire/ranges.ts'
import { answerContent } from '../wire/representation.ts'
import { StorageError } from '../wire/trouble.ts'
import { type Answer, type Comparison, compare, type Version } from './compare.ts'
import { answerConflict } from './conflict.ts'
import { toFailures } from './failures.ts'
import { gather } from './gather.ts'
import { openVersion, type Read } from './read.ts'
import { toFields, toManifest } from './report.ts'

/**
 * Answers GET or HEAD with what the copies come to. Bytes are asked of a holder only once it is known that they are
 * what the client gets. A holder that fails before it has given a byte counts as one that did not answer; a copy that
 * changed since it was described makes all of them be compared anew, `MAX_COMPARISONS` times at most, and then counts
 * as one that did not answer.
 */
export async function deliver(request: Request, read: Read): Promise<Response> {
  let answers = await askAll(read)
  for (let comparisons = 1; ; ) {
    const comparison = compare(answers)
    const chosen = choose(read, comparison)
    if (chosen === 'conflict') return answerConflict(request, read, comparison)
    if (chosen instanceof Response) return chosen

    const response = await settle(send(request, read, comparison, chosen))
    if (!(response instanceof StorageError)) return response
    if (response.code === 'integrity') read.suspects.add(chosen.holders[0] ?? '', chosen, read.name)
    if (response.code === 'changed' && comparisons++ < MAX_COMPARISONS) answers = await askAll(read)
    else answers = withFailure(answers, chosen, response)
  }
}

/** What every replica says; a copy whose bytes have contradicted these very facts is corrupt, whatever it says. */
async function askAll({ members, name, trace, getSignal, maxAge, suspects }: Read): Promise<Answer[]> {
  return suspects.judge(await gather(members, name, { trace, getSignal, maxAge }), name)
}

/** The version to deliver, or what to say instead. */
function choose(read: Read, comparison: Comparison): Version | 'conflict' | Response {
  const { versions, answers, answered, agreement } = comparison
  if (versions.length === 0 && answers.some(({ said }) => isChanged(said))) {
    const detail = 'the file changed each time it was about to be sent'
    return refuse('changed-while-reading', detail, read, comparison)
  }
  if (answered < read.required) {
    const detail = `${answered} of ${answers.length} replicas answered, ${read.required} must; ${toFailures(answers)}`
    return refuse('too-few-answers', detail, read, comparison)
  }
  if (read.isStrict && agreement === 'incomplete' && !read.version) {
    const lacking = answers.filter(({ said }) => said === null).map(({ id }) => id)
    return refuse('incomplete', `no copy on ${lacking.join(', ')}`, read, comparison)
  }
  const [version] = read.version ? versions.filter(({ digest }) => digest === read.version) : versions
  if (version !== undefined) return agreement === 'conflict' && !read.version ? 'conflict' : version
  if (answered < answers.length) {
    const others = answers.length === 1 || answered === 0 ? '' : '; the others lack it'
    return refuse('existence-unknown', `${toFailures(answers)}${others}`, read, comparison)
  }
  const detail = read.version
    ? 'no replica holds that version now'
    : 'every replica answered, and none has it'
  return refuse('not-found', detail, read, comparison)
}

function refuse(type: ProblemType, detail: string, read: Read, comparison: Comparison): Response {
  return createProblem(type, detail, {
    fields: toFields(comparison, getOnly(comparison.versions)),
    manifest: toManifest(read.name, comparison),
  })
}

function isChanged(said: Answer['said']): boolean {
  return said instanceof StorageError && said.code === 'changed'
}

/** What a comparison without conflict has to deliver. */
function getOnly(versions: readonly Version[]): Version | undefined {
  return versions.length === 1 ? versions[0] : undefined
}

async function send(
  request: Request,
  read: Read,
  comparison: Comparison,
  version: Version,
): Promise<Response> {
  return await answerContent(
    request.method,
    request.headers,
    { name: read.name, ...version },
    { fields: toFields(comparison, version), open: (range) => openVersion(read, version, range) },
  )
}

/** The answers, with the version's first holder counted as one that did not answer. */
function withFailure(answers: readonly Answer[], { holders }: Version, error: StorageError): Answer[] {
  return answers.map((answer) => (answer.id === holders[0] ? { id: answer.id, said: error } : answer))
}

/**
 * Answers with one replica's copy as it is, compared with nobody's: its absence is 404 because it is only asked for
 * itself, and the answer names no agreement.
 */
export async function deliverCopy(request: Request, read: Read): Promise<Response> {
  const answers = await askAll(read)
  const { versions } = compare(answers)
  const [version] = versions
  const said = answers[0]?.said
  if (said instanceof StorageError) return toProblem(said, { fields: toCopyFields(answers) })
  const fields = toCopyFields(answers, version)
  if (version === undefined) return createProblem('not-found', 'this replica has no such file', { fields })
  const open = (range?: ByteRange) => openVersion(read, version, range)
  const response = await settle(
    answerContent(request.method, request.headers, { name: read.name, ...version }, { fields, open }),
  )
  if (!(response instanceof StorageError)) return response
  return toProblem(response, { fields: toCopyFields(withFailure(answers, version, response)) })
}

function toCopyFields(answers: readonly Answer[], version?: Version): Record<string, string> {
  return { 'Replica-Status': toFields(compare(answers), version)['Replica-Status'] ?? '' }
}
