import { toFilePath } from '../../../functions/wire/fields/routes.ts'
import type { ReplicaReport } from '../../../functions/wire/schemas/manifest.ts'
import { isSilence, toFailureVerb } from '../../../functions/wire/storage-error.ts'
import { UserError } from '../../node/user-error.ts'
import { type CoordinatorClient, readProblem, toWords } from './coordinator-client.ts'

/**
 * The reports of a read, with a detail for each replica that answered without a copy: header fields carry
 * only an error type, so it is asked by itself. A replica that did not answer is not asked again.
 */
export async function readFailureWords(
  ask: CoordinatorClient,
  name: string,
  reports: readonly ReplicaReport[],
): Promise<ReplicaReport[]> {
  return await Promise.all(
    reports.map(async (report) => {
      const { id, error, detail } = report
      if (error === undefined || detail !== undefined || isSilence(error)) return report
      const words = await readDetail(ask, `${toFilePath(name)}?replica=${id}`)
      return words === undefined ? report : { ...report, detail: words }
    }),
  )
}

/** The detail of the problem at a path; undefined without one. */
async function readDetail(ask: CoordinatorClient, path: string): Promise<string | undefined> {
  try {
    const response = await ask(path)
    if (response.status >= 400) return (await readProblem(response)).detail
    await response.body?.cancel()
    return undefined
  } catch (error) {
    // The file is here already: only the detail is missing.
    if (error instanceof UserError) return undefined
    throw error
  }
}

/** Whether a replica sent no good copy, nor reported the file missing. */
export function isTrouble({ state }: ReplicaReport): boolean {
  return state === 'error' || state === 'corrupt'
}

/** What a replica without a copy did, and why: `did not answer: connection refused`. */
export function toFailureText({ state, error, detail }: ReplicaReport): string {
  const reason = detail ?? (error === undefined ? 'no reason given' : toReason(error))
  if (state === 'corrupt') return `holds a corrupt copy: ${reason}`
  return `${toFailureVerb(error ?? '')}: ${reason}`
}

/** An error type in words; when they are vague, with a command that prints more. */
function toReason(error: string): string {
  return VAGUE.includes(error) ? `${toWords(error)}; vouch explain prints more` : toWords(error)
}

const VAGUE: readonly string[] = ['destination_unavailable', 'http_protocol_error', 'proxy_internal_error']
