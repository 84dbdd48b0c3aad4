import { createHash } from 'node:crypto'
import { expect, it } from 'vitest'
import type { Span, SurveyLine } from '../../storage/survey/survey.ts'
import { DEADLINES } from '../ask/deadlines.ts'
import { createMember } from '../ask/member.ts'
import { createTreeStorage } from './audit.suite.ts'
import { openSurvey } from './surveys.ts'

it('a survey that is left while it waits ends at once, and is not started again', async () => {
  let starts = 0
  async function* survey(): AsyncGenerator<SurveyLine> {
    starts++
    yield { last: 'm', names: 1, bytes: 1, fingerprint: null }
    await new Promise(() => {})
  }
  const member = createMember({ id: 'a', storage: { ...createTreeStorage(new Map()), survey } }, {})
  const asked = {
    ranges: [{ after: '', until: null }],
    prefix: '',
    grain: 4,
    maxAge: null,
    match: [],
    exclude: [],
  }
  const { next, leave } = openSurvey<Span>(member, asked, {
    deadlines: DEADLINES,
    createHasher: () => createHash('sha256') as never,
    trace: undefined,
    signal: new AbortController().signal,
    onProgress() {},
    onPassed() {},
  })
  expect(await next()).toMatchObject({ last: 'm' })
  const waiting = next()
  leave()
  expect(await waiting).toMatchObject({ code: 'unreachable' })
  expect(starts).toBe(1)
})
