import { toFilePath } from '../../../functions/wire/fields/routes.ts'
import type { Manifest, ReplicaReport } from '../../../functions/wire/schemas/manifest.ts'
import type { Agreement } from '../../../functions/wire/schemas/values.ts'
import { UserError } from '../../node/user-error.ts'
import {
  type CoordinatorClient,
  NOT_A_COORDINATOR,
  NotACoordinator,
  parseAgreementField,
  parseStatusField,
  readProblem,
  toUserError,
} from '../client/coordinator-client.ts'
import { isTrouble } from '../client/failure-words.ts'
import { readManifest } from '../download/conflict.ts'

/** Copies that do not differ, at the replicas of these ids. */
export interface Agreed {
  readonly agreement: Agreement
  readonly ids: readonly string[]
}

/**
 * Compares the copies of a name, without their contents: the versions, or the agreement of copies that do
 * not differ. Throws a UserError when no replica has the name, or when some replica sent no copy.
 */
export async function findConflict(ask: CoordinatorClient, name: string): Promise<Manifest | Agreed> {
  // With `*` a copy that all agree on is not sent (RFC 9110 §13.1.2).
  const response = await ask(toFilePath(name), { fields: { 'If-None-Match': '*' } })
  if (response.status === 304) {
    const agreement = parseAgreementField(response.headers.get('Replica-Agreement') ?? '')
    const reports = parseStatusField(response.headers.get('Replica-Status') ?? '')
    if (agreement === undefined || reports === null) throw new NotACoordinator(NOT_A_COORDINATOR)
    requireAnswers(name, reports)
    return { agreement, ids: reports.map(({ id }) => id) }
  }
  const problem = await readProblem(response)
  if (response.status !== 409) throw toUserError(problem, name)
  const manifest = readManifest(problem, name)
  requireAnswers(name, manifest.replicas)
  return manifest
}

/** Throws a UserError unless every replica has answered. */
export function requireAnswers(name: string, reports: readonly ReplicaReport[]): void {
  const silent = reports.filter(isTrouble).map(({ id }) => id)
  if (silent.length > 0)
    throw new UserError(
      `${name}: no copy from ${silent.join(', ')}, and a plan needs the answer of every replica; 'vouch explain' prints the reason`,
      'unreachable',
    )
}
