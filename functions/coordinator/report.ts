import { isFacts } from '../storage/survey.ts'
import { toTimestamp } from '../wire/dates.ts'
import { toReplicaAgreement, toReplicaStatus } from '../wire/fields.ts'
import { toVersionHref } from '../wire/routes.ts'
import type { Manifest, ReplicaReport } from '../wire/schemas.ts'
import type { Answer, Comparison, Version } from './compare.ts'

/** `Replica-Status` and `Replica-Agreement` of an answer that delivers `delivered`, or no version at all. */
export function toFields(comparison: Comparison, delivered?: Version): Record<string, string> {
  const { agreement, answers, answered } = comparison
  return {
    'Replica-Status': toReplicaStatus(toReports(answers, delivered)),
    'Replica-Agreement': toReplicaAgreement(agreement, answered, answers.length),
  }
}

/** What each replica said, seen from the version that is delivered: where there is none, every holder differs. */
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
