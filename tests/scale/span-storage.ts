import { createHash } from 'node:crypto'
import type { Facts } from '../../functions/storage/facts.ts'
import { createCallMeter } from '../../functions/storage/objects/call-meter.ts'
import type { Billing, Storage } from '../../functions/storage/storage.ts'
import {
  createSeenCounter,
  type Found,
  type Survey,
  type SurveyLine,
} from '../../functions/storage/survey/survey.ts'
import { MAX_LISTING_PAGE } from '../../functions/wire/limits.ts'
import type { Calls } from '../../functions/wire/prices.ts'
import type { Clock, Weather } from './weather.ts'
import { isHeld, listOdd, type Odd, toDigest, toName, toNext, toSize, type World } from './world.ts'

/** Names of a page of a survey: see `createObjectStorage`. */
export const PAGE = MAX_LISTING_PAGE - 1

/**
 * A replica of the world that surveys spans without making their names. It makes the calls that the survey of
 * a bucket would make, one for each page and one ahead. Two spans have the same fingerprint only if they have
 * the same names and contents: it is of the numbers of the first and last, and of each that differs. One that
 * `isPaid` reports its calls as a bucket does, and so is asked for smaller spans.
 */
export function createSpanStorage(
  world: () => World,
  replica: number,
  clock: Clock,
  weather: () => Weather,
  isPaid: boolean,
): { readonly storage: Storage; readonly calls: () => Calls } {
  const meter = createCallMeter()
  const call = (kind: 'list' | 'head') => {
    meter.count(kind)
    clock.call(replica, weather())
  }

  function toFacts(n: number, odd: Odd | undefined): Facts {
    const digest = toDigest(world(), n, odd, replica)
    return { size: toSize(n), digest, modified: null, evidence: 'stored', age: null }
  }

  async function describeOne(name: string): Promise<Facts | null> {
    call('head')
    const n = toNext(name) - 1
    const [odd] = listOdd(world(), n, n + 1)
    return isHeld(odd, replica) ? toFacts(n, odd) : null
  }

  async function* survey({ ranges, grain }: Survey): AsyncGenerator<SurveyLine> {
    const { names, seed } = world()
    const seen = createSeenCounter()
    let surveyed = { names: 0, bytes: 0 }
    const toProgress = () => ({ seen: { ...seen.get(), ...surveyed, stored: surveyed.names }, of: null })
    for (const [nth, { after, until }] of ranges.entries()) {
      const [first, end] = [toNext(after), until === null ? names : toNext(until)]
      let listed = first
      for (let at = first; ; ) {
        const next = toCut(at, end, grain)
        const wanted = Math.min(end, first + (Math.floor((next - 1 - first) / PAGE) + 2) * PAGE)
        const before = listed
        for (; listed < wanted || listed === first; listed += PAGE) call('list')
        const odds = [...listOdd(world(), at, next)]
        const missing = odds.filter((odd) => !isHeld(odd, replica)).length
        const bytes =
          sumSizes(at, next) - odds.reduce((sum, odd) => sum + (isHeld(odd, replica) ? 0 : toSize(odd.at)), 0)
        surveyed = { names: surveyed.names + next - at - missing, bytes: surveyed.bytes + bytes }
        const isLast = next >= end
        if (listed > before || isLast) yield toProgress()
        if (isLast && nth === ranges.length - 1) yield { passed: [] }
        if (grain > 0) {
          const text = [
            seed,
            at,
            next,
            ...odds.map((odd) => (isHeld(odd, replica) ? toFacts(odd.at, odd).digest : odd.at)),
          ]
          const fingerprint = createHash('sha256').update(text.join(' ')).digest('hex')
          const last = isLast ? until : toName(next - 1)
          yield { last, names: next - at - missing, bytes, fingerprint }
        } else if (next > at && missing === 0) {
          const found: Found = { name: toName(at), said: toFacts(at, odds[0]) }
          yield found
        }
        if (isLast) break
        at = next
      }
    }
  }

  /** Where the span ends that begins at `at`: a replica cuts only behind names that it has. */
  function toCut(at: number, end: number, grain: number): number {
    const size = 2 ** grain
    for (let cut = (Math.floor(at / size) + 1) * size; cut < end; cut += size) {
      const [odd] = listOdd(world(), cut - 1, cut)
      if (grain === 0 || isHeld(odd, replica)) return cut
    }
    return end
  }

  const refuse = () => Promise.reject(new Error('an audit of spans does not ask for this'))
  const billing: Billing = { prices: 'r2', calls: meter.read, estimate: refuse }
  const describe: Storage['describe'] = (names) => names.map(describeOne)
  const storage = { ...(isPaid && { billing }), describe, list: refuse, open: refuse, survey }
  return { storage, calls: meter.read }
}

/** The sum of `toSize` from one number up to but not another. */
function sumSizes(from: number, end: number): number {
  const upTo = (n: number) => {
    const [thousands, rest] = [Math.floor(n / 1000), n % 1000]
    return 1000 * n + thousands * 499_500 + (rest * (rest - 1)) / 2
  }
  return upTo(end) - upTo(from)
}
