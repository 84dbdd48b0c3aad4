import { MAX_SPAN_NAMES } from '../../wire/limits.ts'
import { PASSED_KINDS } from '../../wire/passed.ts'
import { isFacts } from '../facts.ts'
import { compareNames, parseName } from '../names.ts'
import { unexpected } from '../remote/replies.ts'
import { createSelect } from './globs.ts'
import {
  cutRanges,
  type Found,
  isWithin,
  type Range,
  type Span,
  type Survey,
  type SurveyLine,
} from './survey.ts'

/**
 * Returns a function that throws `unreachable` for a line that cannot follow the lines before it. Names out
 * of order would hide files; names that were not asked for would be reported as the replica's.
 */
export function createSurveyCheck(survey: Survey): (line: SurveyLine) => void {
  const { prefix, grain } = survey
  const isWanted = createSelect(survey)
  let { ranges } = survey
  let last = ''
  let passedLines = 0

  /** Whether a survey of these ranges can report this name of a file, or of a directory it cannot read. */
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

  /** Between two files or spans there is at most one line for each kind, and at the end one more. */
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
