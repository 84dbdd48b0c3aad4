/** Valid names that a list can lose: blanks at the ends, marks of its syntax, line ends, two normal forms. */
export const AWKWARD: readonly string[] = [
  ...['plain', ' lead', 'trail ', '  both  ', '\ttab', 'in  side', 'd/two words'],
  ...['a\nb', 'end\n', 'a\rb', 'end\r', 'end\r\n', '\n', 'a\u2028b', 'a\u0085b'],
  ...['*star', '; comment', '#hash', '%%%% x', '(', 'x) = y', 'SHA256 (x) = y', 'com,ma', '1,2,./x'],
  ...['per%cent', 'per%0Acent', 'per%25cent', '-', '-n', '~', '?', '[x]', "'", '"', '$(x)'],
  ...['caf\u00e9', 'cafe\u0301', '\u{1f600}', '\uff5e'],
]

/** A content of each name, and of no other. */
export function toContents(names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, `content of ${JSON.stringify(name)}`]))
}
