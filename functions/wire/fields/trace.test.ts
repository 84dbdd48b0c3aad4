import { expect, it, test } from 'vitest'
import { createTrace, parseTraceparent, toTraceId, toTraceparent } from './trace.ts'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'

test('a trace continues in a field with its own step', () => {
  const trace = createTrace()
  expect(parseTraceparent(toTraceparent(trace))).toBe(trace)
  expect(toTraceparent(trace)).not.toBe(toTraceparent(trace))
  expect(createTrace()).not.toBe(trace)
})

it.each([
  [`00-${TRACE}-00f067aa0ba902b7-01`, TRACE],
  [`cc-${TRACE}-00f067aa0ba902b7-01-what-will-be-the-future`, TRACE],
  [`00-${TRACE}-0000000000000000-01`, null],
  [`00-${'0'.repeat(32)}-00f067aa0ba902b7-01`, null],
  [`00-${TRACE.toUpperCase()}-00f067aa0ba902b7-01`, null],
  [`00-${TRACE}-00f067aa0ba902b7`, null],
  ['', null],
])('%j names the trace %j', (field, trace) => {
  expect(parseTraceparent(field)).toBe(trace)
})

test('a trace with a span id is the parent of the next span, and the same in logs', () => {
  const trace = `${TRACE}-00f067aa0ba902b7`
  expect(toTraceparent(trace)).toBe(`00-${TRACE}-00f067aa0ba902b7-01`)
  expect(toTraceId(trace)).toBe(TRACE)
  expect(toTraceId(TRACE)).toBe(TRACE)
})
