import { LRUCache } from 'lru-cache'
import { type Representation, toRepresentation } from '../../http/serve-content.ts'
import { type Facts, isFacts } from '../../storage/facts.ts'
import type { Digest } from '../../wire/digest.ts'
import { MAX_RECENT_READS } from '../../wire/limits.ts'
import { type Answer, type Comparison, compare, type SentVersion } from '../compare/compare.ts'
import { toFields } from '../compare/report.ts'
import { METALINK_TYPE } from './metalink.ts'

/** What the answers for one name came to. */
export interface Finding {
  readonly comparison: Comparison
  /** A version as HTTP serves it, with the fields of the comparison. */
  represent(version: SentVersion): Representation
  /** What was sent last, also before these answers. */
  lastSent(): Sent | undefined
}

/** The `Last-Modified` of an answer, and of which digest. */
interface Sent {
  readonly digest: Digest
  readonly field: string | undefined
}

/** The findings of the last reads, so that what the same answers come to is made once. */
export interface RecentReads {
  /** The finding of `answers` for a name, all of them made for this read. */
  find(name: string, answers: readonly Answer[]): Finding
}

export function createRecentReads(): RecentReads {
  const findings = new LRUCache<string, Finding>({ max: MAX_RECENT_READS })
  return {
    find(name, answers) {
      const last = findings.get(name)
      if (last !== undefined && areAlike(last.comparison.answers, answers)) return last
      const finding = createFinding(name, compare(answers), last?.lastSent())
      findings.set(name, finding)
      return finding
    },
  }
}

function createFinding(name: string, comparison: Comparison, before: Sent | undefined): Finding {
  let last: { readonly version: SentVersion; readonly representation: Representation } | undefined
  let sent = before
  return {
    comparison,
    lastSent: () => sent,
    represent(version) {
      if (last?.version === version) return last.representation
      // A copy that was written again with the same bytes is no new content.
      const again = sent?.digest === version.digest ? sent.field : undefined
      const ofContent = { ...toLinks(version.digest), ...(again !== undefined && { 'Last-Modified': again }) }
      const representation = toRepresentation({ name, ...version }, toFields(comparison, version), ofContent)
      last = { version, representation }
      sent = { digest: version.digest, field: representation.fields['Last-Modified'] }
      return representation
    },
  }
}

/**
 * Where this version alone is, and what verifies it: relative references, for some proxies have little room
 * for fields. `duplicate` and `describedby` are those of RFC 6249.
 */
function toLinks(digest: Digest): Record<string, string> {
  const pinned = `?version=${digest}`
  const link = `<${pinned}>; rel="duplicate", <${pinned}&metalink>; rel="describedby"; type="${METALINK_TYPE}"`
  return { 'Content-Location': pinned, Link: link }
}

function areAlike(before: readonly Answer[], now: readonly Answer[]): boolean {
  return before.length === now.length && before.every((answer, i) => isAlike(answer, now[i]))
}

function isAlike(before: Answer, now: Answer | undefined): boolean {
  if (before === now) return true
  if (before.id !== now?.id) return false
  if (!isFacts(before.said) || !isFacts(now.said)) return before.said === now.said
  return areSame(before.said, now.said)
}

function areSame(before: Facts, now: Facts): boolean {
  const { size, digest, modified, evidence, age } = now
  const isOfSame = before.digest === digest && before.size === size && before.modified === modified
  return isOfSame && before.evidence === evidence && before.age === age
}
