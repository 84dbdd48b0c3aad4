import { MAX_FAILURES_TOLD } from '../wire/limits.ts'
import { StorageError, toFailureVerb } from '../wire/trouble.ts'
import type { Answer } from './compare.ts'

/** What each replica did that gave no copy, and why, in one line for people; '' where every replica answered. */
export function toFailures(answers: readonly Answer[]): string {
  const failures = answers.flatMap(({ id, said }) =>
    said instanceof StorageError ? toFailure(id, said) : [],
  )
  const more = failures.length - MAX_FAILURES_TOLD
  return [...failures.slice(0, MAX_FAILURES_TOLD), ...(more > 0 ? [`${more} more`] : [])].join('; ')
}

function toFailure(id: string, { code, reason, message }: StorageError): string {
  return code === 'integrity' ? `corrupt on ${id}` : `${id} ${toFailureVerb(reason)}: ${message}`
}
