import { Counter, Gauge, type Registry } from 'prom-client'
import type { Ledger } from '../../../functions/coordinator/ledger/ledger.ts'
import { toVerifyDue, type VerifySchedule } from '../../../functions/coordinator/ledger/verify-schedule.ts'

/** What metrics hear of a scheduled verification. */
export type VerificationWatch = Pick<VerifySchedule, 'onMeasured' | 'onRead'>

/**
 * Adds the metrics of verifications, by hand or by the schedule of so many seconds, as the ledger knows them
 * at each scrape. There are none without a ledger, none of a schedule without one, and no time of what never
 * was.
 */
export function addVerificationMetrics(
  registry: Registry,
  ids: readonly string[],
  ledger: Ledger | undefined,
  every: number | undefined,
): VerificationWatch {
  const name = (rest: string) => `vouch_verification_${rest}`
  const addTime = (rest: string, help: string, read: (ledger: Ledger) => Promise<number | null>) =>
    new Gauge({
      name: name(rest),
      help: `${help}, in seconds since 1970.`,
      aggregator: 'max',
      registers: [registry],
      async collect() {
        // The log reports a ledger that fails, and scrapes go on without it.
        const ms = ledger === undefined ? null : await read(ledger).catch(() => null)
        if (ms === null) this.remove()
        else this.set(ms / 1000)
      },
    })
  addTime('timestamp_seconds', 'When every byte had been read, the last time', (ledger) =>
    ledger.lastVerified(),
  )
  addTime('began_timestamp_seconds', 'When the last verification began', async (ledger) => {
    return (await ledger.verification())?.began ?? null
  })
  if (every === undefined) return { onMeasured() {}, onRead() {} }
  addTime(
    'due_timestamp_seconds',
    'When every byte must have been read again by --verify',
    async (ledger) => {
      const last = await ledger.verification()
      return last === null ? null : toVerifyDue(last, every)
    },
  )
  const done = new Gauge({
    name: name('done_ratio'),
    help: 'The share of all bytes that the verification under way had read when its last step began.',
    aggregator: 'max',
    registers: [registry],
  })
  const read = new Counter({
    name: name('read_bytes_total'),
    help: 'Bytes of the files that a replica has read for --verify.',
    labelNames: ['replica'],
    registers: [registry],
  })
  for (const replica of ids) read.inc({ replica }, 0)
  return {
    onMeasured: ({ left, all }) => done.set(all === 0 ? 1 : 1 - left / all),
    onRead: (replica, bytes) => read.inc({ replica }, bytes),
  }
}
