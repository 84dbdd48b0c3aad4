/**
 * rclone's names of files: in each, a character that some store cannot hold is replaced by a printable one,
 * and one that looks like a replaced one is quoted. https://rclone.org/overview/#restricted-characters
 */

/** Precedes a character that stands for itself, though it looks like a replaced one. */
const QUOTE = '\u201b'
/** What rclone writes for a control character, DEL and a slash within a segment. */
const REPLACED = /[\u2400-\u241f\u2421\uff0f\u201b]/gu
const REPLACEABLE = /[\0-\x1f\x7f]/gu
const DOTS = /^\uff0e{1,2}$/u

/** A name as rclone has it. */
export function toRcloneName(name: string): string {
  return name.split('/').map(toRcloneSegment).join('/')
}

function toRcloneSegment(segment: string): string {
  if (DOTS.test(segment)) return segment.replace(/./gu, `${QUOTE}$&`)
  return segment
    .replace(REPLACED, `${QUOTE}$&`)
    .replace(REPLACEABLE, (one) =>
      one === '\x7f' ? '\u2421' : String.fromCharCode(0x2400 + one.charCodeAt(0)),
    )
}

/**
 * The name of one segment as rclone has it; null when that is not the name of any. It may contain a slash, or
 * be `.` or `..`, in a store whose names may.
 */
export function fromRcloneSegment(text: string): string | null {
  const name = DOTS.test(text)
    ? '.'.repeat(text.length)
    : text.replace(/\u201b.|[\u2400-\u241f\u2421\uff0f]/gsu, fromReplaced)
  const isWhole =
    (name === '.' || name === '..' || name.includes('/') ? text : toRcloneSegment(name)) === text
  return isWhole ? name : null
}

function fromReplaced(text: string): string {
  if (text.startsWith(QUOTE)) return text.slice(QUOTE.length)
  if (text === '\uff0f') return '/'
  return text === '\u2421' ? '\x7f' : String.fromCharCode(text.charCodeAt(0) - 0x2400)
}

/**
 * Whether a store may hold the name without rclone finding it: the local file system's full-width slashes and
 * dots are those that rclone writes there for `/`, `.` and `..`.
 */
export function isHiddenByRclone(name: string): boolean {
  return name.includes('\uff0f') || name.split('/').some((segment) => DOTS.test(segment))
}
