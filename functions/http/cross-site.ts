import type { Context, Next } from 'hono'
import { createProblem } from './problems.ts'

/**
 * Whether a browser reports that a page of another site or host sent the request: by `Sec-Fetch-Site`, sent
 * on trusted connections, or else by `Origin`, sent with requests that change something (Fetch §3.2), whose
 * host may differ from the URL's behind a proxy. Other clients send neither.
 */
export function isForeign({ url, headers }: Request): boolean {
  const site = headers.get('Sec-Fetch-Site')
  if (site !== null) return site !== 'same-origin' && site !== 'none'
  const origin = headers.get('Origin')
  return origin !== null && (!URL.canParse(origin) || new URL(origin).host !== new URL(url).host)
}

/** Middleware that refuses other sites' pages, for requests that change something or cost much. */
export async function refuseForeignPage(c: Context, next: Next): Promise<Response | undefined> {
  const detail = 'open this server in the browser, and send the request from its own page'
  if (isForeign(c.req.raw)) return createProblem('cross-site', detail)
  await next()
  return undefined
}
