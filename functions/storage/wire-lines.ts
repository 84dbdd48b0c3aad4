import type * as v from 'valibot'
import { parseTimestamp, toTimestamp } from '../wire/dates.ts'
import { toConsistent } from '../wire/fields.ts'
import { toPassedMember } from '../wire/passed.ts'
import type { DescribeLine, restored, SurveyWireLine } from '../wire/schemas.ts'
import { StorageError } from '../wire/trouble.ts'
import type { Facts, Written } from './storage.ts'
import { isFacts, type SurveyLine } from './survey.ts'

type HeldLine = Extract<DescribeLine, { digest: string }>
type FailedLine = Extract<DescribeLine, { error: object }>

/** A file's facts as a line. */
export function toHeldLine(name: string, { size, digest, modified, evidence, age }: Facts): HeldLine {
  return { name, size, digest, modified: toTimestamp(modified), evidence, age }
}

/** A file that was put back, as an answer. */
export function toRestored(name: string, { unkept, ...facts }: Written): v.InferOutput<typeof restored> {
  return { ...toHeldLine(name, facts), ...(unkept !== undefined && { unkept: [...unkept] }) }
}

export function toFacts({ size, digest, modified, evidence, age }: HeldLine): Facts {
  return { size, digest, modified: parseTimestamp(modified), ...toConsistent(evidence, age) }
}

/** A file's trouble as a line. */
export function toFailedLine(name: string, error: StorageError): FailedLine {
  return { name, error: toTroubleMember(error) }
}

/** An error as the member of a line. */
export function toTroubleMember({ code, reason, message }: StorageError): FailedLine['error'] {
  return { code, reason, detail: message }
}

export function toError({ code, reason, detail }: FailedLine['error']): StorageError {
  return new StorageError(code, detail, { reason })
}

/** A line of a survey as it goes over the wire. */
export function toWireLine(line: SurveyLine): SurveyWireLine {
  if ('passed' in line) return { passed: toPassedMember(line.passed) }
  if (!('said' in line)) return line
  const { name, said, rottedFrom } = line
  if (!isFacts(said)) return toFailedLine(name, said)
  return { ...toHeldLine(name, said), ...(rottedFrom !== undefined && { rottedFrom }) }
}

/** What `toWireLine` was given; throws what a survey says that broke off. */
export function fromWireLine(line: Exclude<SurveyWireLine, { end: true }>): SurveyLine {
  if ('last' in line || 'seen' in line || 'passed' in line) return line
  if (!('name' in line)) throw toError(line.error)
  const { name } = line
  if ('error' in line) return { name, said: toError(line.error) }
  return { name, said: toFacts(line), rottedFrom: line.rottedFrom }
}
