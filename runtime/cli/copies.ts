import { type Answer, type Comparison, compare } from '../../functions/coordinator/compare.ts'
import type { Facts } from '../../functions/storage/storage.ts'
import { parseHttpDate } from '../../functions/wire/dates.ts'
import { parseReplicaStatus } from '../../functions/wire/fields.ts'
import { toFilePath } from '../../functions/wire/routes.ts'
import type { ReplicaReport } from '../../functions/wire/schemas.ts'
import { StorageError } from '../../functions/wire/trouble.ts'
import { Refusal } from '../node/refusal.ts'
import { type Ask, parseContent, readProblem, toLine } from './ask.ts'

/**
 * What the copies of a name come to. The compared read tells which replicas there are, then each is asked for its own,
 * and these answers are compared as a coordinator compares them: so what is said of all is true of what is said of each,
 * even when a copy changed in between. `query` goes with the question for each. Throws a Refusal when the coordinator does
 * not tell.
 */
export async function readCopies(ask: Ask, name: string, query: string): Promise<Comparison> {
  const reports = await readReports(ask, name)
  const answers = reports.map(async (report) => ({
    id: report.id,
    said: await askCopy(ask, `${toFilePath(name)}?replica=${report.id}${query.replace('?', '&')}`, {
      name,
      ...report,
    }),
  }))
  return compare(await Promise.all(answers))
}

async function readReports(ask: Ask, name: string): Promise<readonly ReplicaReport[]> {
  const path = toFilePath(name)
  const reports = parseReports(await ask(path, { method: 'HEAD' }))
  if (reports.length > 0) return reports
  // Why it does not say stands in a body.
  throw new Refusal(`${name}: ${toLine(await readProblem(await ask(path)))}`)
}

async function askCopy(
  ask: Ask,
  path: string,
  { name, state }: Pick<ReplicaReport, 'state'> & { readonly name: string },
): Promise<Answer['said']> {
  const head = isTrouble(state) ? null : await ask(path, { method: 'HEAD' })
  const isTold = head !== null && isTelling(head)
  // What its trouble is in words stands in a body.
  return await readSaid(isTold ? head : await ask(path), name)
}

function isTelling(response: Response): boolean {
  const [report] = parseReports(response)
  return report !== undefined && !isTrouble(report.state)
}

function isTrouble(state: ReplicaReport['state']): boolean {
  return state === 'error' || state === 'corrupt'
}

async function readSaid(response: Response, name: string): Promise<Answer['said']> {
  const [report] = parseReports(response)
  if (report !== undefined && !isTrouble(report.state)) {
    await response.body?.cancel()
    return report.state === 'missing' ? null : toFacts(response, report)
  }
  const problem = await readProblem(response)
  if (report === undefined) throw new Refusal(`${name}: ${toLine(problem)}`)
  return new StorageError(
    report.state === 'corrupt' ? 'integrity' : 'unreachable',
    problem.detail ?? problem.title,
    report.error === undefined ? {} : { reason: report.error },
  )
}

/** A coordinator that does not say how the digest is known gets the evidence that claims least. */
function toFacts(
  { headers }: Response,
  { evidence = 'remembered', age }: Pick<ReplicaReport, 'evidence' | 'age'>,
): Facts {
  const content = parseContent(headers)
  if (content === null)
    throw new Refusal("the answer lacks a coordinator's fields: is that a coordinator's address?")
  const modified = parseHttpDate(headers.get('Last-Modified') ?? '')
  return { ...content, modified, evidence, age: age ?? null }
}

/** None where there is no such field. */
function parseReports({ headers }: Response): readonly ReplicaReport[] {
  return parseReplicaStatus(headers.get('Replica-Status') ?? '') ?? []
}
