import { toFilePath } from '../../functions/wire/routes.ts'
import type { ReplicaReport } from '../../functions/wire/schemas.ts'
import { isSilence, toFailureVerb } from '../../functions/wire/trouble.ts'
import { Refusal } from '../node/refusal.ts'
import { type Ask, readProblem, toWords } from './ask.ts'

/**
 * The reports of a read, with words of its own for each replica that answered and gave no copy, for fields carry no more
 * than an error type: it is asked by itself. One that did not answer is not waited for again.
 */
export async function readFailureWords(
  ask: Ask,
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

/** The detail of the problem that a path leads to; undefined for a problem without one, and for anything else. */
async function readDetail(ask: Ask, path: string): Promise<string | undefined> {
  try {
    const response = await ask(path)
    if (response.status >= 400) return (await readProblem(response)).detail
    await response.body?.cancel()
    return undefined
  } catch (error) {
    // The file is here already: no more than words are lacking.
    if (error instanceof Refusal) return undefined
    throw error
  }
}

/** What a replica did that gave no copy, and why: `did not answer: connection refused`. */
export function toFailureText({
  state,
  error,
  detail,
}: Pick<ReplicaReport, 'state' | 'error' | 'detail'>): string {
  const reason = detail ?? (error === undefined ? 'it gave no reason' : toReason(error))
  if (state === 'corrupt') return `holds a corrupt copy: ${reason}`
  return `${toFailureVerb(error ?? '')}: ${reason}`
}

/** An error type in words, and where more is to be had where it tells little. */
function toReason(error: string): string {
  return VAGUE.includes(error) ? `${toWords(error)}; vouch explain says more` : toWords(error)
}

const VAGUE: readonly string[] = ['destination_unavailable', 'http_protocol_error', 'proxy_internal_error']
