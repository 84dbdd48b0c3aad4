/**
 * `text` in one line that does nothing to a terminal or to the text around it: control characters, line ends and what
 * changes the direction of writing become escapes, for names and messages come from others.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, (c) => `\\u{${c.codePointAt(0)?.toString(16)}}`)
}
