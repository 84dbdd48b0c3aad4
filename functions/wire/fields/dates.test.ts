import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseHttpDate } from './dates.ts'

const NOW = Date.UTC(2025, 5, 15, 12)
const EXAMPLE = Date.UTC(1994, 10, 6, 8, 49, 37)

describe('parseHttpDate', () => {
  test.each([
    ['Sun, 06 Nov 1994 08:49:37 GMT', EXAMPLE, 'IMF-fixdate, the example of the RFC'],
    ['Sunday, 06-Nov-94 08:49:37 GMT', EXAMPLE, 'RFC 850, the example of the RFC'],
    ['Sun Nov  6 08:49:37 1994', EXAMPLE, 'asctime, the example of the RFC'],
    ['Wed Nov 16 08:49:37 1994', Date.UTC(1994, 10, 16, 8, 49, 37), 'asctime, a day of two digits'],
    ['Thu, 29 Feb 2024 00:00:00 GMT', Date.UTC(2024, 1, 29), 'a leap day'],
    ['Tue, 30 Jun 2015 23:59:60 GMT', Date.UTC(2015, 6, 1), 'a leap second is the next second'],
    ['Mon, 06 Nov 1994 08:49:37 GMT', EXAMPLE, 'the name of the day is not checked'],
    ['Sat, 01 Jan 0094 00:00:00 GMT', Date.parse('0094-01-01T00:00:00Z'), 'a year below 100 is that year'],
    ['Thu, 01 Jan 1970 00:00:00 GMT', 0, 'the time 0 is a time'],
    ['Wed, 31 Dec 1969 23:59:59 GMT', -1000, 'a time before 1970'],
    ['Sunday, 15-Jun-75 12:00:00 GMT', Date.UTC(2075, 5, 15, 12), 'RFC 850, exactly 50 years ahead'],
    ['Sunday, 15-Jun-75 12:00:01 GMT', Date.UTC(1975, 5, 15, 12, 0, 1), 'RFC 850, more than 50 years ahead'],
    ['Sunday, 01-Jan-76 00:00:00 GMT', Date.UTC(1976, 0, 1), 'RFC 850, 51 years ahead by its digits'],
    ['Sunday, 29-Feb-00 00:00:00 GMT', Date.UTC(2000, 1, 29), 'RFC 850, the year 00'],
  ])('parses %j as %d: %s', (field, expected) => {
    expect(parseHttpDate(field, NOW)).toBe(expected)
  })

  test.each([
    ['', 'empty'],
    ['1994-11-06T08:49:37Z', 'ISO 8601, which Date.parse accepts'],
    ['784111777', 'seconds since 1970'],
    ['06 Nov 1994 08:49:37 GMT', 'no name of the day'],
    ['Sun, 6 Nov 1994 08:49:37 GMT', 'a day of one digit'],
    ['Sun, 06 Nov 94 08:49:37 GMT', 'a year of two digits outside RFC 850'],
    ['Sun, 06 Nov 1994 08:49:37', 'no GMT'],
    ['Sun, 06 Nov 1994 08:49:37 UTC', 'UTC in place of GMT'],
    ['Sun, 06 Nov 1994 08:49:37 +0000', 'an offset in place of GMT'],
    ['sun, 06 nov 1994 08:49:37 gmt', 'another case (HTTP dates are case-sensitive)'],
    ['Sun, 06  Nov 1994 08:49:37 GMT', 'two blanks'],
    ['Sun, 06 Nov 1994 08:49:37 GMT ', 'a blank at the end'],
    ['Sun, 06 Nov 1994 08:49:37 GMT\n', 'a line end'],
    ['Sun, 06-Nov-1994 08:49:37 GMT', 'a mixture of two formats'],
    ['Sun, 06-Nov-94 08:49:37 GMT', 'RFC 850 with a short name of the day'],
    ['Sunday, 06-Nov-1994 08:49:37 GMT', 'RFC 850 with a year of four digits'],
    ['Sun Nov 6 08:49:37 1994', 'asctime with one blank before the day'],
    ['Sun Nov  6 08:49:37 1994 GMT', 'asctime with GMT'],
    ['Sun, 06 Nov 1994 24:00:00 GMT', 'hour 24'],
    ['Sun, 06 Nov 1994 08:60:00 GMT', 'minute 60'],
    ['Sun, 06 Nov 1994 08:49:61 GMT', 'second 61'],
    ['Sun, 00 Nov 1994 08:49:37 GMT', 'day 0'],
    ['Thu, 31 Nov 1994 08:49:37 GMT', 'a day that November does not have'],
    ['Wed, 29 Feb 2023 00:00:00 GMT', 'a leap day outside a leap year'],
    ['Sun, 06 Foo 1994 08:49:37 GMT', 'no month'],
    ['Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT', 'two fields joined'],
  ])('refuses %j: %s', (field) => {
    expect(parseHttpDate(field, NOW)).toBeNull()
  })

  test('reads back what toUTCString writes, to the second', () => {
    const times = fc.date({ min: new Date('0000-01-01Z'), max: new Date('9999-12-31Z'), noInvalidDate: true })
    const property = fc.property(times, (time) => {
      expect(parseHttpDate(time.toUTCString())).toBe(Math.floor(time.getTime() / 1000) * 1000)
    })
    fc.assert(property)
  })

  test('reads an RFC 850 year as the one within 50 years of now', () => {
    const times = fc.date({
      min: new Date('1975-07-01Z'),
      max: new Date('2075-06-01Z'),
      noInvalidDate: true,
    })
    const property = fc.property(times, (time) => {
      const [, day, month, year = '', clock] = time.toUTCString().split(' ')
      const field = `Monday, ${day}-${month}-${year.slice(2)} ${clock} GMT`
      expect(parseHttpDate(field, NOW)).toBe(Math.floor(time.getTime() / 1000) * 1000)
    })
    fc.assert(property)
  })

  test('never throws', () => {
    fc.assert(fc.property(fc.string(), (field) => void parseHttpDate(field)))
  })
})
