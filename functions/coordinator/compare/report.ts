import { isFacts } from '../../storage/facts.ts'
import { toTimestamp } from '../../wire/fields/dates.ts'
import { toReplicaAgreement, toReplicaStatus } from '../../wire/fields/fields.ts'
import { toVersionHref } from '../../wire/fields/routes.ts'
import { MAX_FAILURES_LISTED } from '../../wire/limits.ts'
import type { Manifest, ReplicaReport } from '../../wire/schemas/manifest.ts'
import { StorageError, toFailureVerb } from '../../wire/storage-error.ts'
import type { Answer, Comparison, Version } from './compare.ts'

/** `Replica-Status` and `Replica-Agreement` of an answer that delivers `delivered`, or no version. */
export function toFields(comparison: Comparison, delivered?: Version): Record<string, string> {
  const { agreement, answers, answered } = comparison
  return {
    'Replica-Status': toReplicaStatus(toReports(answers, delivered)),
    'Replica-Agreement': toReplicaAgreement(agreement, answered, answers.length),
  }
}

/** What each replica said, compared with the version that is delivered; when absent, every holder differs. */
export function toReports(answers: readonly Answer[], delivered?: Version): ReplicaReport[] {
  return answers.map(({ id, said }) => {
    if (said === null) return { id, state: 'missing' }
    if (isFacts(said)) {
      const { digest: version, evidence, age } = said
      const state = delivered?.holders.includes(id) ? 'match' : 'differ'
      return { id, state, version, evidence, age: age ?? undefined }
    }
    const state = said.code === 'integrity' ? 'corrupt' : 'error'
    return { id, state, error: said.reason, detail: said.message }
  })
}

export function toManifest(name: string, comparison: Comparison): Manifest {
  const { agreement, versions, answers } = comparison
  return {
    name,
    agreement,
    versions: versions.map(({ digest, size, modified, holders }) => ({
      digest,
      size,
      modified: toTimestamp(modified),
      replicas: [...holders],
      href: toVersionHref(name, digest),
    })),
    replicas: toReports(answers, versions.length === 1 ? versions[0] : undefined),
  }
}

/** Each replica that sent no copy and why, in one line for people; empty when every replica answered. */
export function toFailures(answers: readonly Answer[]): string {
  const failures = answers.flatMap(({ id, said }) => {
    if (!(said instanceof StorageError)) return []
    const { code, reason, message } = said
    return code === 'integrity' ? `corrupt on ${id}` : `${id} ${toFailureVerb(reason)}: ${message}`
  })
  const more = failures.length - MAX_FAILURES_LISTED
  return [...failures.slice(0, MAX_FAILURES_LISTED), ...(more > 0 ? [`${more} more`] : [])].join('; ')
}

/** How people call the versions of a file, by their order: A, B, … Z, then by number. */
export function toLetter(i: number): string {
  return i < 26 ? String.fromCharCode(65 + i) : `#${i + 1}`
}

/** Whether some holder of a version has its bytes; false when only lists know it. */
export function hasSource(
  version: Pick<Manifest['versions'][number], 'replicas'>,
  replicas: Manifest['replicas'],
): boolean {
  const isList = (holder: string) => replicas.find(({ id }) => id === holder)?.evidence === 'recorded'
  return version.replicas.length === 0 || !version.replicas.every(isList)
}
