import type { Context, Next } from 'hono'
import { createProblem } from './problems.ts'

/**
 * Whether a browser says that a page of another site, or of another host of this one, had it send the request. A browser
 * tells by `Sec-Fetch-Site` wherever it trusts the connection, else by `Origin` with what changes something (Fetch
 * §3.2), which behind a proxy may not be the address that is seen here, so that it counts only where nothing else does.
 * What is no browser sends neither.
 */
export function isForeign({ url, headers }: Request): boolean {
  const site = headers.get('Sec-Fetch-Site')
  if (site !== null) return site !== 'same-origin' && site !== 'none'
  const origin = headers.get('Origin')
  return origin !== null && (!URL.canParse(origin) || new URL(origin).host !== new URL(url).host)
}

/** Middleware for what changes something, or costs much: a page of another site gets a problem in its place. */
export async function refuseForeignPage(c: Context, next: Next): Promise<Response | undefined> {
  if (isForeign(c.req.raw))
    return createProblem('cross-site', 'open the page of this server itself, and ask from there')
  await next()
  return undefined
}
