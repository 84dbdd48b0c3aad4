/**
 * The token that an `Authorization` field shows: as a bearer's (RFC 6750 §2.1), or as the password of any user, which is
 * how a browser shows one (RFC 7617 §2). Empty when it shows none.
 */
export function parseShownToken(field: string | null): string {
  const [, scheme = '', shown = ''] = /^(Bearer|Basic) +(\S+) *$/i.exec(field ?? '') ?? []
  if (scheme.toLowerCase() !== 'basic') return shown
  const pair = decodePair(shown)
  return pair.includes(':') ? pair.slice(pair.indexOf(':') + 1) : ''
}

function decodePair(encoded: string): string {
  try {
    // Tokens are ASCII, as what atob makes of them.
    return atob(encoded)
  } catch {
    return ''
  }
}
