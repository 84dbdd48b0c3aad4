/** A whole number for people, as by `toLocaleString('en')`, which would load the tables of all languages. */
export function formatNumber(number: number): string {
  return String(number).replace(/\B(?=(?:\d{3})+$)/g, ',')
}

/** A count with its noun, in the singular for 1: `1 name`, `20,000 names`. */
export function formatCount(count: number, one: string, several: string): string {
  return `${formatNumber(count)} ${count === 1 ? one : several}`
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

/** Bytes for people, two digits or more: `512 B`, `1.5 MiB`, `340 MiB`. */
export function formatSize(bytes: number): string {
  let power = 0
  // An amount that rounds to 1024 is 1 of the next unit.
  while (power < UNITS.length - 1 && bytes / 1024 ** power >= 1023.5) power++
  const amount = bytes / 1024 ** power
  return `${amount.toFixed(power === 0 || amount >= 99.95 ? 0 : 1)} ${UNITS[power]}`
}

/** Escapes control, line and direction characters, with which text could act on a terminal or other text. */
export function escapeControls(text: string): string {
  // Compiling the classes takes longer than the rest of a short command does with text.
  if (/^[ -~]*$/.test(text)) return text
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, (c) => `\\u{${c.codePointAt(0)?.toString(16)}}`)
}
