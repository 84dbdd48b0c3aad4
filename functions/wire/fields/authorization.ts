import { attempt } from '../attempt.ts'

/** The token in `Authorization`: bearer (RFC 6750 §2.1), or a browser's password (RFC 7617 §2); or ''. */
export function parseShownToken(field: string | null): string {
  const [, scheme = '', shown = ''] = /^(Bearer|Basic) +(\S+) *$/i.exec(field ?? '') ?? []
  if (scheme.toLowerCase() !== 'basic') return shown
  // Tokens are ASCII, and so is what atob returns for them.
  const pair = attempt(() => atob(shown)) ?? ''
  return pair.includes(':') ? pair.slice(pair.indexOf(':') + 1) : ''
}
