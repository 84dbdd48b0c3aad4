import { afterEach, expect, test, vi } from 'vitest'
import { toLocalTime } from './times.ts'

afterEach(() => vi.unstubAllEnvs())

test.each([
  ['UTC', '2026-11-23T06:02:07.999Z', '2026-11-23 06:02:07 +00:00'],
  ['Asia/Kolkata', '2026-11-23T20:02:07.000Z', '2026-11-24 01:32:07 +05:30'],
  ['America/St_Johns', '2026-01-01T00:00:00.000Z', '2025-12-31 20:30:00 -03:30'],
  ['Europe/Berlin', '2026-03-29T00:59:59.000Z', '2026-03-29 01:59:59 +01:00'],
  ['Europe/Berlin', '2026-03-29T01:00:00.000Z', '2026-03-29 03:00:00 +02:00'],
  ['UTC', '0000-01-01T00:00:00.000Z', '0000-01-01 00:00:00 +00:00'],
  ['Asia/Tokyo', '9999-12-31T23:59:59.999Z', '+010000-01-01 08:59:59 +09:00'],
])('in %s the time %s is %s', (zone, timestamp, expected) => {
  vi.stubEnv('TZ', zone)
  expect(toLocalTime(timestamp)).toBe(expected)
})
