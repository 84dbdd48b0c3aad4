import { type Answer, type Comparison, compare } from '../../../functions/coordinator/compare/compare.ts'
import type { Facts } from '../../../functions/storage/facts.ts'
import type { Reply } from '../../../functions/storage/remote/replies.ts'
import { parseHttpDate } from '../../../functions/wire/fields/dates.ts'
import { parseReplicaStatus } from '../../../functions/wire/fields/fields.ts'
import { toFilePath } from '../../../functions/wire/fields/routes.ts'
import type { ReplicaReport } from '../../../functions/wire/schemas/manifest.ts'
import { StorageError } from '../../../functions/wire/storage-error.ts'
import {
  type CoordinatorClient,
  NOT_A_COORDINATOR,
  NotACoordinator,
  parseContent,
  readProblem,
  toUserError,
} from '../client/coordinator-client.ts'
import { isTrouble } from '../client/failure-words.ts'

/**
 * Compares the copies of a name. A compared read lists the replicas; then each is asked for its own copy,
 * with `query`, and these answers are compared as a coordinator does. So the agreement fits the answers, even
 * when a copy changed in between. Throws a UserError when the coordinator does not list its replicas.
 */
export async function readCopies(ask: CoordinatorClient, name: string, query: string): Promise<Comparison> {
  const reports = await readReports(ask, name)
  const answers = reports.map(async (before) => {
    const path = `${toFilePath(name)}?replica=${before.id}${query.replace('?', '&')}`
    const head = isTrouble(before) ? null : await ask(path, { method: 'HEAD' })
    const [report] = head === null ? [] : parseReports(head)
    // The reason for an error is in the body of a GET.
    const response = head && report && !isTrouble(report) ? head : await ask(path)
    return { id: before.id, said: await readSaid(response, name) }
  })
  return compare(await Promise.all(answers))
}

async function readReports(ask: CoordinatorClient, name: string): Promise<readonly ReplicaReport[]> {
  const path = toFilePath(name)
  const reports = parseReports(await ask(path, { method: 'HEAD' }))
  if (reports.length > 0) return reports
  // The reason is in the body of a GET.
  throw toUserError(await readProblem(await ask(path)), name)
}

async function readSaid(response: Reply, name: string): Promise<Answer['said']> {
  const [report] = parseReports(response)
  if (report !== undefined && !isTrouble(report)) {
    await response.body?.cancel()
    return report.state === 'missing' ? null : toFacts(response, report)
  }
  const problem = await readProblem(response)
  if (report === undefined) throw toUserError(problem, name)
  return new StorageError(
    report.state === 'corrupt' ? 'integrity' : 'unreachable',
    problem.detail ?? problem.title,
    report.error === undefined ? {} : { reason: report.error },
  )
}

/** Without evidence in the report, the weakest is assumed. A list has a digest alone, or a size too. */
function toFacts({ headers }: Reply, { evidence = 'remembered', age, version }: ReplicaReport): Facts {
  if (evidence === 'recorded' && version !== undefined)
    return { digest: version, size: null, modified: null, evidence, age: null }
  const content = parseContent(headers)
  if (content === null) throw new NotACoordinator(NOT_A_COORDINATOR)
  const modified = parseHttpDate(headers.get('Last-Modified') ?? '')
  return { ...content, modified, evidence, age: age ?? null }
}

/** Empty when the field is missing or not valid. */
function parseReports({ headers }: Reply): readonly ReplicaReport[] {
  return parseReplicaStatus(headers.get('Replica-Status') ?? '') ?? []
}
