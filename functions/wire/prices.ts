/**
 * What stores charge, in dollars, as it was read on `PRICES_READ`; none of it was ever billed here. What an
 * account has free each month is not taken off, and nothing is rounded up to whole millions, as bills are.
 */
export const PRICES_READ = '2026-11-30'

/** What one call of each kind costs, and one byte that is read. */
interface Prices {
  readonly list: number
  readonly head: number
  readonly get: number
  readonly put: number
  readonly byte: number
}

/** The stores whose prices are known. */
export type PriceName = keyof typeof PRICES

export const PRICES = {
  /**
   * Standard storage: https://developers.cloudflare.com/r2/pricing/ (read in cloudflare/cloudflare-docs).
   * ListObjects and PutObject are of class A, $4.50 a million; HeadObject and GetObject of class B, $0.36.
   * Nothing is charged for what leaves it.
   */
  r2: { list: 4.5e-6, head: 0.36e-6, get: 0.36e-6, put: 4.5e-6, byte: 0 },
  /**
   * S3 Standard, us-east-1: https://aws.amazon.com/s3/pricing/ (read in www.egresscost.com/aws and
   * c3x.dev/blog/s3-request-fees-explained). LIST and PUT $5 a million, GET and HEAD $0.40. A GB to the
   * internet costs $0.09 up to 10 TB a month; it costs nothing where vouch runs in the same region.
   */
  s3: { list: 5e-6, head: 0.4e-6, get: 0.4e-6, put: 5e-6, byte: 0.09e-9 },
} as const satisfies Readonly<Record<string, Prices>>

/**
 * Cloudflare Workers, paid plan: https://developers.cloudflare.com/workers/platform/pricing/, …/workflows/
 * reference/pricing/ and …/durable-objects/platform/pricing/. A Workflow costs what a Worker does.
 */
export const WORKERS_PRICES = {
  cpuSecond: 0.02e-3,
  request: 0.3e-6,
  /** A request to a Durable Object. */
  objectRequest: 0.15e-6,
  rowWritten: 1e-6,
  rowRead: 0.001e-6,
} as const

/** CPU that was measured in workerd: for a name of one replica, and for a byte that is hashed, in seconds. */
export const CPU_SECONDS = { name: 30e-6, byte: 2 / 1024 ** 3 } as const

/** Calls of a store by kind, and the bytes of contents that it sent. */
export interface Calls {
  readonly list: number
  readonly head: number
  readonly get: number
  readonly put: number
  /** Of contents that were read. */
  readonly bytes: number
}

/** What these calls cost, in dollars; null where the prices are not known. */
export function toDollars(calls: Calls, name: PriceName | null): number | null {
  if (name === null) return null
  const { list, head, get, put, byte } = PRICES[name]
  return calls.list * list + calls.head * head + calls.get * get + calls.put * put + calls.bytes * byte
}

/** The calls since `before`; all without it. */
export function subtractCalls(now: Calls, before: Calls | undefined): Calls {
  if (before === undefined) return now
  return {
    list: now.list - before.list,
    head: now.head - before.head,
    get: now.get - before.get,
    put: now.put - before.put,
    bytes: now.bytes - before.bytes,
  }
}
