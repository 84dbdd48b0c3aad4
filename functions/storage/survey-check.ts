import { MAX_SPAN_NAMES } from '../wire/limits.ts'
import { PASSED_KINDS } from '../wire/passed.ts'
import { createSelect } from './globs.ts'
import { compareNames, parseName } from './names.ts'
import { unexpected } from './replies.ts'
import {
  cutRanges,
  type Found,
  isFacts,
  isWithin,
  type Range,
  type Span,
  type Survey,
  type SurveyLine,
} from './survey.ts'

/**
 * Throws `unreachable` for a line that no survey gives after those before it: names out of order, or others than were
 * asked for, would hide files or be told as somebody's.
 */
export function createSurveyCheck(survey: Survey): (line: SurveyLine) => void {
  const { prefix, grain } = survey
  const isWanted = createSelect(survey)
  let { ranges } = survey
  let last = ''
  let passedLines = 0

  /** Whether a survey can meet the name in one of the ranges: a file's, or a directory's that cannot be read. */
  function isMet(name: string, ranges: readonly Range[]): boolean {
    const isIn = ({ after, until }: Range) => compareNames(name, after) > 0 && isWithin(name, until)
    if (parseName(name) !== null) return name.startsWith(prefix) && isWanted(name) && ranges.some(isIn)
    if (!isDirectory(name) || !(name.startsWith(prefix) || prefix.startsWith(name))) return false
    return ranges.some((range) => isIn(range) || range.after.startsWith(name))
  }

  function isNext(name: string, ranges: readonly Range[]): boolean {
    return compareNames(name, last) > 0 && isMet(name, ranges)
  }

  function takeFound({ name, said }: Found): void {
    if (grain !== 0 || (isFacts(said) && isDirectory(name)) || !isNext(name, ranges)) throw outOfOrder()
    last = name
  }

  function takeSpan(span: Span): void {
    const [range] = ranges
    if (grain === 0 || range === undefined || span.names > MAX_SPAN_NAMES) throw outOfOrder()
    const isEnd = span.last === range.until
    if (!isEnd && (span.last === null || !isNext(span.last, [range]))) throw outOfOrder()
    ranges = cutRanges(ranges, span.last)
    last = span.last ?? last
  }

  /** Between two files or spans there is a line for each kind at most, and at the end one more. */
  function takePassed(): void {
    if (!survey.passed || ++passedLines > PASSED_KINDS.length + 1) throw outOfOrder()
  }

  return (line) => {
    if ('passed' in line) return takePassed()
    if (!('seen' in line)) passedLines = 0
    if ('said' in line) takeFound(line)
    else if ('last' in line) takeSpan(line)
  }
}

function isDirectory(name: string): boolean {
  return name.endsWith('/') && parseName(`${name}x`) !== null
}

function outOfOrder() {
  return unexpected('a survey out of order')
}
