import type { Context } from 'hono'
import { readJsonBody } from '../storage/json-body.ts'
import { compareNames } from '../storage/names.ts'
import { readSurvey } from '../storage/read-survey.ts'
import type { Storage } from '../storage/storage.ts'
import { type Chunks, toStream } from '../storage/streams.ts'
import type { Range, SurveyLine } from '../storage/survey.ts'
import { toTroubleMember, toWireLine } from '../storage/wire-lines.ts'
import { createAnswer } from '../wire/answer.ts'
import type { AppEnv } from '../wire/app.ts'
import type { CreateHasher } from '../wire/digest.ts'
import type { Limit } from '../wire/limit.ts'
import {
  MAX_GLOB_LENGTH,
  MAX_GLOBS,
  MAX_GLOBS_LENGTH,
  MAX_SURVEY_BYTES,
  MAX_SURVEY_RANGES,
} from '../wire/limits.ts'
import { createProblem } from '../wire/problems.ts'
import { type SurveyWireLine, surveyRequest } from '../wire/schemas.ts'
import { toStorageError } from '../wire/trouble.ts'

const encoder = new TextEncoder()

/** Bytes of lines that go out together; a line that says how far it is lets out those before it. */
const CHUNK_LENGTH = 16 * 1024

export interface SurveyAnswerOptions {
  readonly createHasher: CreateHasher | undefined
  readonly limit: Limit
}

/** `POST /survey`: the lines of `Storage.survey`, and at the end whether they are all. */
export async function answerSurvey(
  storage: Storage,
  c: Context<AppEnv>,
  { createHasher, limit }: SurveyAnswerOptions,
): Promise<Response> {
  const survey = await readJsonBody(c, surveyRequest, {
    limit: MAX_SURVEY_BYTES,
    takes: `1 to ${MAX_SURVEY_RANGES} ranges, a prefix, a grain from 0 to 30, maxAge in seconds or null, and up to ${MAX_GLOBS} globs each in match and exclude, of ${MAX_GLOB_LENGTH} characters at most and ${MAX_GLOBS_LENGTH} together`,
  })
  if (survey instanceof Response) return survey
  if (!isAscending(survey.ranges)) {
    return createProblem('invalid-body', 'ranges ascend, each from a name to a later one, and none overlap')
  }
  const fields = { 'Content-Type': 'application/x-ndjson', 'Cache-Control': 'no-store' }
  return await limit.run(() => {
    const abort = new AbortController()
    const lines = readSurvey(storage, survey, { signal: abort.signal, trace: c.var.trace, createHasher })
    return createAnswer(200, fields, toStream(toBody(lines, abort)))
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
      // A generator that stands at a `yield` does not hear of the abort, and would never free what it holds.
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
