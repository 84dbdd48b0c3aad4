const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
const DAY = `(?:${DAYS.join('|')})`
const LONG_DAY = '(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day'
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const MONTH = `(?<month>${MONTHS.join('|')})`
const TIME = '(?<hour>[01]\\d|2[0-3]):(?<minute>[0-5]\\d):(?<second>[0-5]\\d|60)'

/** IMF-fixdate, then the formats of RFC 850 and asctime, which recipients must still accept. */
const FORMATS = [
  new RegExp(`^${DAY}, (?<day>\\d\\d) ${MONTH} (?<year>\\d{4}) ${TIME} GMT$`),
  new RegExp(`^${LONG_DAY}, (?<day>\\d\\d)-${MONTH}-(?<year>\\d\\d) ${TIME} GMT$`),
  new RegExp(`^${DAY} ${MONTH} (?<day>\\d\\d| \\d) ${TIME} (?<year>\\d{4})$`),
]

/**
 * The time of an HTTP date in any of its three formats (RFC 9110 §5.6.7), in milliseconds since 1970; null
 * for anything else. `Date.parse` accepts far more. The name of the day is not checked against the date.
 *
 * A year of two digits is the latest such year that is at most 50 years after `now`.
 */
export function parseHttpDate(field: string, now: number = Date.now()): number | null {
  for (const format of FORMATS) {
    const groups = format.exec(field)?.groups
    if (groups !== undefined) return toTime(groups, now)
  }
  return null
}

function toTime(groups: Record<string, string>, now: number): number | null {
  const { year = '' } = groups
  if (year.length === 4) return toUtc(groups, Number(year))
  const limit = new Date(now)
  const latest = limit.getUTCFullYear() + 50
  limit.setUTCFullYear(latest)
  const nearest = latest - ((latest - Number(year)) % 100)
  const time = toUtc(groups, nearest)
  return time !== null && time > limit.getTime() ? toUtc(groups, nearest - 100) : time
}

/** Null for a day that the month does not have in that year. */
function toUtc(groups: Record<string, string>, year: number): number | null {
  const { day, month = '', hour, minute, second } = groups
  const time = new Date(0)
  // Not Date.UTC, which maps the years 0 to 99 to 1900 to 1999.
  time.setUTCFullYear(year, MONTHS.indexOf(month), Number(day))
  if (time.getUTCDate() !== Number(day)) return null
  return time.setUTCHours(Number(hour), Number(minute), Number(second))
}

/** The years 0 to 9999, the range of both formats below. */
const EARLIEST = Date.parse('0000-01-01T00:00:00Z')
const LATEST = Date.UTC(9999, 11, 31, 23, 59, 59, 999)

/** The nearest time that can be written, to one in milliseconds since 1970. */
function clamp(ms: number): Date {
  return new Date(Math.min(Math.max(ms, EARLIEST), LATEST))
}

/** A time in milliseconds since 1970 as an HTTP date (IMF-fixdate, RFC 9110 §5.6.7), cut to the second. */
export function toHttpDate(ms: number): string {
  const time = clamp(ms)
  // Not toUTCString, which first loads the time zones: 1 ms, a fiftieth of a short command.
  const [day, month] = [DAYS[time.getUTCDay()], MONTHS[time.getUTCMonth()]]
  const date = `${toDigits(time.getUTCDate())} ${month} ${toDigits(time.getUTCFullYear(), 4)}`
  const clock = [time.getUTCHours(), time.getUTCMinutes(), time.getUTCSeconds()]
  return `${day}, ${date} ${clock.map((part) => toDigits(part)).join(':')} GMT`
}

function toDigits(value: number, length = 2): string {
  return String(value).padStart(length, '0')
}

/** A time in milliseconds since 1970 in RFC 3339, in UTC with milliseconds; null stays null. */
export function toTimestamp(ms: number | null): string | null {
  return ms === null ? null : clamp(ms).toISOString()
}

/** Parses a time that `toTimestamp` wrote, in milliseconds since 1970; null stays null. */
export function parseTimestamp(text: string | null): number | null {
  return text === null ? null : Date.parse(text)
}

/** Milliseconds as decimal seconds without trailing zeros, as in `File-Modified` and in rclone's metadata. */
export function toSeconds(ms: number): string {
  const digits = String(Math.abs(ms)).padStart(4, '0')
  const fraction = digits.slice(-3).replace(/0+$/, '')
  return `${ms < 0 ? '-' : ''}${digits.slice(0, -3)}${fraction && `.${fraction}`}`
}

/** Seconds, to nine decimals, in whole milliseconds; null if malformed or not in the years 0 to 9999. */
export function parseSeconds(text: string): number | null {
  const [, sign, seconds = '', fraction = ''] = /^(-?)(\d{1,12})(?:\.(\d{1,9}))?$/.exec(text) ?? []
  if (sign === undefined) return null
  const magnitude = Number(seconds) * 1000 + Number(fraction.padEnd(3, '0').slice(0, 3))
  const ms = sign === '-' ? 0 - magnitude : magnitude
  return ms >= EARLIEST && ms <= LATEST ? ms : null
}
