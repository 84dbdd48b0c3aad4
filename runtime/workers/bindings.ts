/** What vouch uses of a service that the configuration binds to a Worker: another Worker, or a disk directory. */
export interface Fetcher {
  fetch(input: Request | string, init?: RequestInit): Promise<Response>
}

/** A binding that is a service, seen as one; null for a variable, a secret, or nothing. */
export function toFetcher(binding: unknown): Fetcher | null {
  if (typeof binding !== 'object' || binding === null || !('fetch' in binding)) return null
  return binding as Fetcher // workerd's services are opaque proxies: that `fetch` is there is all that can be asked
}
