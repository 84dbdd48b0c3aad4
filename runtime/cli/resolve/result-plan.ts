import { hasSource } from '../../../functions/coordinator/compare/report.ts'
import { toSteps } from '../../../functions/coordinator/repair/plan.ts'
import type { Manifest } from '../../../functions/wire/schemas/manifest.ts'
import type { Plan } from '../../../functions/wire/schemas/plan.ts'
import { toHarmlessJson } from '../../hosting/io.ts'
import type { Held } from '../download/destination.ts'

/** The id of the replica whose only file is the result. */
export const RESULT_ID = 'resolved'

/** Whether a replica holds this content, so that it can be copied from there. */
export function isHeld({ versions, replicas }: Manifest, digest: string): boolean {
  return versions.some((version) => version.digest === digest && hasSource(version, replicas))
}

/**
 * The writes of the result over every other content of the name, and to replicas that lack it: only where
 * they still hold what the manifest says. When no replica holds the result, `RESULT_ID` is one more replica,
 * from which it is copied. Nothing is written to `records`.
 */
export function toPlan(manifest: Manifest, result: Held, records: ReadonlySet<string>): Plan {
  const { name, replicas } = manifest
  const own = isHeld(manifest, result.digest) ? [] : [[RESULT_ID, result.digest] as const]
  const seen = Object.fromEntries([
    ...replicas.map(({ id, version }) => [id, version ?? null] as const),
    ...own,
  ])
  const lists = replicas.filter(({ evidence }) => evidence === 'recorded').map(({ id }) => id)
  const steps = toSteps(name, result, seen, new Set([...records, ...lists]))
  return { vouch: 'plan', version: 1, replicas: Object.keys(seen), steps }
}

/** A plan in JSON, each step on a line of its own, as `vouch plan` prints one. */
export function toPlanText({ steps, ...head }: Plan, made: Date): string {
  const lines = steps.map((step) => `\n${toHarmlessJson(JSON.stringify(step))}`).join(',')
  const whole = JSON.stringify({ ...head, made: made.toISOString() })
  return `${whole.slice(0, -1)},\n"steps": [${lines}\n]\n}\n`
}
