import type { EVIDENCES } from '../schemas/values.ts'
import { formatNumber } from '../text.ts'

type Evidence = (typeof EVIDENCES)[number]

/** Units of ages, in seconds. A unit is used from twice its length on. */
export const AGE_UNITS = [
  [86_400, 'days'],
  [3600, 'hours'],
  [60, 'minutes'],
] as const

/** An age in seconds for people, in whole units and rounded down: `3 days`, `90 seconds`, `1 second`. */
export function toAgeText(seconds: number): string {
  // At least two of a unit, since rounding down to `1 day` could hide almost half of the age.
  const [length, unit] = AGE_UNITS.find(([length]) => seconds >= 2 * length) ?? [
    1,
    seconds === 1 ? 'second' : 'seconds',
  ]
  return `${formatNumber(Math.floor(seconds / length))} ${unit}`
}

/** How a digest is known, for people: `read now`, `read 3 days ago`, `by the store's checksum`. */
export function toEvidenceText(evidence: Evidence, age: number | null | undefined): string {
  if (evidence === 'read') return 'read now'
  if (evidence === 'stored') return "by the store's checksum"
  const word = evidence === 'remembered' ? 'read' : 'recorded'
  if (age == null) return `${word} earlier`
  return age === 0 ? `${word} less than a second ago` : `${word} ${toAgeText(age)} ago`
}

/** The number of digests by evidence; `oldest` is in seconds, null when no age is known. */
type Seen = Readonly<Record<Evidence, number>> & { readonly oldest: number | null }

/** The words after the number of digests of each evidence, in this order. */
export const SEEN_WORDS = [
  ['read', 'read now'],
  ['remembered', 'read earlier'],
  ['stored', "by the store's checksum"],
  ['recorded', 'recorded earlier'],
] as const satisfies readonly (readonly [Evidence, string])[]

/** How a tree's digests are known, for people: `2 read now, 20,000 read earlier (the oldest 3 days ago)`. */
export function toSeenText(seen: Seen): string {
  const parts = SEEN_WORDS.filter(([evidence]) => seen[evidence] > 0)
  if (parts.length === 0) return 'no copy'
  const text = parts.map(([evidence, words]) => `${formatNumber(seen[evidence])} ${words}`).join(', ')
  const isOld = seen.remembered + seen.recorded > 0 && seen.oldest !== null && seen.oldest > 0
  return isOld ? `${text} (the oldest ${toAgeText(seen.oldest ?? 0)} ago)` : text
}

/** The same for several replicas, those with the same text together: `a, b: 3 read now`. */
export function toSeenTexts(replicas: readonly { readonly id: string; readonly seen: Seen }[]): string[] {
  const ids = new Map<string, string[]>()
  for (const { id, seen } of replicas) {
    const text = toSeenText(seen)
    ids.set(text, [...(ids.get(text) ?? []), id])
  }
  return [...ids].map(([text, of]) => `${of.join(', ')}: ${text}`)
}
