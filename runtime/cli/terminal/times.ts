/** A time (RFC 3339) for people, in seconds of local time: `2026-11-23 07:02:07 +01:00`. */
export function toLocalTime(timestamp: string): string {
  const time = new Date(timestamp)
  // Local time has the digits of the UTC time that many minutes later.
  const ahead = -time.getTimezoneOffset()
  const digits = new Date(time.getTime() + ahead * 60_000).toISOString()
  return `${digits.slice(0, -14)} ${digits.slice(-13, -5)} ${toOffset(ahead)}`
}

function toOffset(minutes: number): string {
  const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60]
  return `${minutes < 0 ? '-' : '+'}${[hours, rest].map((n) => String(n).padStart(2, '0')).join(':')}`
}
