import type * as v from 'valibot'
import { isDigest } from '../../wire/digest.ts'
import { parseTimestamp, toTimestamp } from '../../wire/fields/dates.ts'
import { toConsistent } from '../../wire/fields/fields.ts'
import { toPassedMember } from '../../wire/passed.ts'
import type { DescribeLine, restored, SurveyWireLine } from '../../wire/schemas/replica.ts'
import { StorageError } from '../../wire/storage-error.ts'
import { type Facts, isFacts } from '../facts.ts'
import type { Written } from '../storage.ts'
import type { SurveyLine } from '../survey/survey.ts'

type HeldLine = Extract<DescribeLine, { digest: string }>
type FailedLine = Extract<DescribeLine, { error: object }>

export function toHeldLine(name: string, { size, digest, modified, evidence, age, sums }: Facts): HeldLine {
  return { name, size, digest, modified: toTimestamp(modified), evidence, age, ...(sums && { sums }) }
}

/** A restored file, as an answer. */
export function toRestored(name: string, { unkept, ...facts }: Written): v.InferOutput<typeof restored> {
  return {
    ...toHeldLine(name, facts),
    size: facts.size,
    ...(unkept !== undefined && { unkept: [...unkept] }),
  }
}

/** Throws `unreachable` for facts of bytes without a size or a SHA-256: only a list may lack them. */
export function toFacts({ size, digest, modified, evidence, age, sums, signatures }: HeldLine): Facts {
  if (evidence !== 'recorded' && (size === null || !isDigest(digest)))
    throw new StorageError('unreachable', 'the server sent facts of a copy without its size or its SHA-256', {
      reason: 'http_protocol_error',
    })
  const facts = { size, digest, modified: parseTimestamp(modified), ...toConsistent(evidence, age) }
  if (sums === undefined && signatures === undefined) return facts
  return { ...facts, ...(sums && { sums }), ...(signatures && { signatures }) }
}

export function toFailedLine(name: string, error: StorageError): FailedLine {
  return { name, error: toTroubleMember(error) }
}

export function toTroubleMember({ code, reason, message }: StorageError): FailedLine['error'] {
  return { code, reason, detail: message }
}

export function toError({ code, reason, detail }: FailedLine['error']): StorageError {
  return new StorageError(code, detail, { reason })
}

/** A line of a survey in the form of the wire. */
export function toWireLine(line: SurveyLine): SurveyWireLine {
  if ('passed' in line) return { passed: toPassedMember(line.passed) }
  if (!('said' in line)) return line
  const { name, said, rottedFrom, goodAt = null } = line
  if (!isFacts(said)) return toFailedLine(name, said)
  const good = toTimestamp(goodAt)
  return {
    ...toHeldLine(name, said),
    ...(rottedFrom !== undefined && { rottedFrom }),
    ...(good !== null && { goodAt: good }),
  }
}

/** The reverse of `toWireLine`; throws the error of a survey that broke off. */
export function fromWireLine(line: Exclude<SurveyWireLine, { end: true }>): SurveyLine {
  if ('last' in line || 'seen' in line || 'passed' in line) return line
  if (!('name' in line)) throw toError(line.error)
  const { name } = line
  if ('error' in line) return { name, said: toError(line.error) }
  const goodAt = parseTimestamp(line.goodAt ?? null) ?? undefined
  return { name, said: toFacts(line), rottedFrom: line.rottedFrom, goodAt }
}
