import type { Manifest } from '../../wire/schemas/manifest.ts'
import type { PlanStep } from '../../wire/schemas/plan.ts'
import type { Policy, Rule } from '../../wire/schemas/policy.ts'
import type { Replica } from '../ask/member.ts'
import { hasSource } from '../compare/report.ts'

type Version = Manifest['versions'][number]

/**
 * The writes that make one name the same everywhere, by the rule that applies to it; null when its copies
 * differ and no rule chooses one, when a replica did not report what it holds, or when only lists know the
 * content. Pure. Nothing is deleted, and nothing is written to a list.
 */
export function planName(
  manifest: Manifest,
  rules: readonly Rule[],
  records: ReadonlySet<string>,
): PlanStep[] | null {
  const { name, agreement, versions, replicas } = manifest
  if (agreement === 'unanimous') return []
  if (replicas.some(({ state }) => state === 'error' || state === 'corrupt')) return null
  // When two sizes share a digest, one of the replicas is wrong.
  if (new Set(versions.map(({ digest }) => digest)).size < versions.length) return null
  const policy = findPolicy(name, rules)
  const chosen = versions.length === 1 && policy !== 'repair' ? versions[0] : choose(manifest, policy)
  if (chosen === undefined || chosen.size === null || !hasSource(chosen, replicas)) return null
  const seen = Object.fromEntries(replicas.map(({ id, version }) => [id, version ?? null]))
  const lists = replicas.filter(({ evidence }) => evidence === 'recorded').map(({ id }) => id)
  return toSteps(name, { digest: chosen.digest, size: chosen.size }, seen, new Set([...records, ...lists]))
}

/** Whether copies are missing, and only lists know the content, so that there is nothing to copy from. */
export function isOnlyRecorded({ agreement, versions, replicas }: Manifest): boolean {
  return agreement === 'incomplete' && !versions.some((version) => hasSource(version, replicas))
}

/** The replicas that are lists, to which nothing can be written. */
export function findRecords(members: readonly Replica[]): ReadonlySet<string> {
  return new Set(members.filter(({ storage }) => storage.isRecord).map(({ id }) => id))
}

/** The writes of a content to every replica that was seen to hold another, or none, but not to `records`. */
export function toSteps(
  name: string,
  { digest, size }: Pick<PlanStep, 'digest' | 'size'>,
  seen: PlanStep['seen'],
  records: ReadonlySet<string>,
): PlanStep[] {
  const others = Object.keys(seen).filter((id) => seen[id] !== digest && !records.has(id))
  return others.map((to) => ({ name, to, digest, size, seen }))
}

/** The policy of the rule with the longest matching prefix, the later of two equal ones. */
export function findPolicy(name: string, rules: readonly Rule[]): Policy {
  let found: Rule = { prefix: '', policy: 'fill-missing' }
  for (const rule of rules) {
    if (name.startsWith(rule.prefix) && rule.prefix.length >= found.prefix.length) found = rule
  }
  return found.policy
}

/** The version that a policy chooses among several; undefined when it chooses none. */
function choose({ versions, replicas }: Manifest, policy: Policy): Version | undefined {
  if (policy === 'fill-missing') return undefined
  if (policy === 'newest') return findNewest(versions)
  if (policy === 'majority') return versions.find((version) => version.replicas.length * 2 > replicas.length)
  if (policy === 'repair') return findGood(versions, replicas)
  return versions.find((version) => version.replicas.includes(policy.keep))
}

/**
 * The version that all sound copies have, and from which all others rotted; undefined for any other
 * difference.
 */
function findGood(versions: readonly Version[], replicas: Manifest['replicas']): Version | undefined {
  const rotten = replicas.filter(({ rottedFrom }) => rottedFrom !== undefined)
  const isRotten = (id: string) => rotten.some((report) => report.id === id)
  const sound = versions.filter((version) => !version.replicas.every(isRotten))
  const [good] = sound
  const isOnlyRot = sound.length === 1 && rotten.every(({ rottedFrom }) => rottedFrom === good?.digest)
  return isOnlyRot ? good : undefined
}

/** The version that is later than every other; undefined when two share that time, or one has no time. */
function findNewest(versions: readonly Version[]): Version | undefined {
  if (versions.some(({ modified }) => modified === null)) return undefined
  const times = versions.map(({ modified }) => Date.parse(modified ?? ''))
  const latest = Math.max(...times)
  return times.filter((time) => time === latest).length === 1 ? versions[times.indexOf(latest)] : undefined
}
