import type { Context } from 'hono'
import { type Chunks, toStream } from '../bytes/chunks.ts'
import { createAnswer, LINES } from '../http/answer.ts'
import type { AppEnv } from '../http/app.ts'
import type { Limit } from '../http/overload.ts'
import { createProblem } from '../http/problems.ts'
import { readJsonBody } from '../http/request-body.ts'
import { compareNames } from '../storage/names.ts'
import { toTroubleMember, toWireLine } from '../storage/remote/wire-lines.ts'
import type { Storage } from '../storage/storage.ts'
import { readSurvey } from '../storage/survey/read-survey.ts'
import type { Range, SurveyLine } from '../storage/survey/survey.ts'
import type { CreateHasher } from '../wire/digest.ts'
import {
  MAX_GLOB_LENGTH,
  MAX_GLOBS,
  MAX_GLOBS_LENGTH,
  MAX_SURVEY_BYTES,
  MAX_SURVEY_RANGES,
} from '../wire/limits.ts'
import { type SurveyWireLine, surveyRequest } from '../wire/schemas/replica.ts'
import { toStorageError } from '../wire/storage-error.ts'

const encoder = new TextEncoder()

/** Characters of lines that are sent together; a line of progress sends those before it at once. */
const CHUNK_LENGTH = 16 * 1024

/** `POST /survey`: the lines of `Storage.survey`, and a last line on whether they are complete. */
export async function answerSurvey(
  storage: Storage,
  c: Context<AppEnv>,
  { createHasher, limit }: { createHasher: CreateHasher | undefined; limit: Limit },
): Promise<Response> {
  const survey = await readJsonBody(c, surveyRequest, {
    limit: MAX_SURVEY_BYTES,
    takes: `1 to ${MAX_SURVEY_RANGES} ranges, a prefix, a grain from 0 to 30, maxAge in seconds or null, a rate of at least 1 byte a second if any, and up to ${MAX_GLOBS} globs each in match and exclude, of ${MAX_GLOB_LENGTH} characters at most and ${MAX_GLOBS_LENGTH} together`,
  })
  if (survey instanceof Response) return survey
  const rule = 'ranges must ascend, each from a name to a later one, without overlaps'
  if (!isAscending(survey.ranges)) return createProblem('invalid-body', rule)
  return await limit.run(() => {
    const abort = new AbortController()
    const lines = readSurvey(storage, survey, { signal: abort.signal, trace: c.var.trace, createHasher })
    return createAnswer(200, LINES, toStream(toBody(lines, abort)))
  })
}

function isAscending(ranges: readonly Range[]): boolean {
  return ranges.every(({ after, until }, i) => {
    const before = ranges[i - 1]
    const isBehind = before === undefined || (before.until !== null && compareNames(before.until, after) <= 0)
    return isBehind && (until === null || compareNames(after, until) < 0)
  })
}

function toBody(lines: AsyncIterable<SurveyLine>, abort: AbortController): Chunks {
  const texts = write(lines)
  return {
    next: () => texts.next(),
    async cancel(reason) {
      abort.abort(reason)
      // A generator suspended at a `yield` does not notice the abort, and would never free what it holds.
      await texts.return(undefined)
    },
  }
}

async function* write(lines: AsyncIterable<SurveyLine>): AsyncGenerator<Uint8Array> {
  let text = ''
  try {
    for await (const line of lines) {
      text += toText(toWireLine(line))
      if (text.length < CHUNK_LENGTH && 'said' in line) continue
      yield encoder.encode(text)
      text = ''
    }
    text += toText({ end: true })
  } catch (error) {
    text += toText({ error: toTroubleMember(toStorageError(error)) })
  }
  yield encoder.encode(text)
}

function toText(line: SurveyWireLine): string {
  return `${JSON.stringify(line)}\n`
}
