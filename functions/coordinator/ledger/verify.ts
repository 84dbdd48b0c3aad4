import type { Context } from 'hono'
import { answerLines } from '../../http/answer.ts'
import type { AppEnv } from '../../http/app.ts'
import { readJsonBody } from '../../http/request-body.ts'
import { MAX_LISTING_PAGE, MAX_VERIFY_BYTES } from '../../wire/limits.ts'
import { type VerifyRequest, verifyRequest } from '../../wire/schemas/ledger.ts'
import type { AuditContext, AuditLimit } from '../audit/audit-request.ts'
import type { CoordinatorContext } from '../context.ts'
import { type ListingContext, readMergedListing } from '../listing.ts'
import type { Ledger, Verification } from './ledger.ts'
import { readLedger } from './ledger-answers.ts'
import { auditRecorded } from './record-audit.ts'

/**
 * `POST /verify`: an audit that reads bytes, of names in byte order, from where the last one ended; several
 * make one verification, which has read every byte of every replica. The lines are those of an audit.
 */
export async function answerVerify(c: Context<AppEnv>, context: CoordinatorContext): Promise<Response> {
  const request = await readJsonBody(c, verifyRequest, {
    limit: MAX_VERIFY_BYTES,
    takes:
      'maxAge and seconds, both numbers of seconds, portion, above 0 and at most 1, and rate, at least 1 byte a second; each may be left out',
  })
  if (request instanceof Response) return request
  return await readLedger(context, async (ledger) => {
    const last = await ledger.verification()
    const { trace } = c.var
    return await context.limits.audits.run(() =>
      answerLines(async (writeLine, signal) => {
        const running = { ...context, trace, writeLine, signal }
        const until = await findPortionEnd(request.portion, last, running)
        await verify({ ...request, until }, last, ledger, running)
      }),
    )
  })
}

/** What to read now of a verification: up to a name, or all. */
interface Part extends Omit<VerifyRequest, 'portion'> {
  readonly until: string | undefined
}

/**
 * Goes on with the verification that `last` is, or begins one, and notes in the ledger how far it has come.
 * The lines are those of an audit. Rejects when `signal` aborts.
 */
export async function verify(
  { maxAge, seconds, rate, until }: Part,
  last: Verification | null,
  ledger: Ledger,
  context: AuditContext & Pick<CoordinatorContext, 'ledger' | 'onLedgerFailed' | 'isIncluded'>,
): Promise<void> {
  const now = Date.now()
  const began = last === null || last.ended !== null ? now : last.began
  const after = toPosition(last)
  const limit = createLimit(seconds, (after) => ledger.noteVerification({ began, after, ended: null }))
  const sinceBegan = Math.max(0, Math.floor((now - began) / 1000))
  const request = {
    prefix: '',
    match: [],
    exclude: [],
    all: false,
    isVerification: true,
    rate,
    maxAge: maxAge ?? sinceBegan,
    after,
    until,
    limit,
  }
  await auditRecorded(request, {
    ...context,
    async writeLine(line) {
      if ('summary' in line) {
        const { next, replicas } = line.summary
        const isWhole = replicas.every(({ state }) => state === 'ok')
        const ended = next === undefined ? Date.now() : null
        if (isWhole) await ledger.noteVerification({ began, after: next ?? '', ended })
      }
      await context.writeLine(line)
    },
  })
}

/** The name behind which the verification goes on; '' at the beginning of one. */
export function toPosition(last: Verification | null): string {
  return last === null || last.ended !== null ? '' : last.after
}

/** Ends an audit after so many seconds; names that were verified are passed to `onVerified`. */
function createLimit(seconds: number | undefined, onVerified: (name: string) => Promise<void>): AuditLimit {
  const end = seconds === undefined ? Number.POSITIVE_INFINITY : performance.now() + 1000 * seconds
  return { isReached: () => performance.now() >= end, onReported: onVerified }
}

type Listing = ListingContext & Pick<AuditContext, 'signal'>

/** The name behind which this portion of all bytes, of all replicas, ends; undefined if that is the last. */
async function findPortionEnd(
  portion: number | undefined,
  last: Verification | null,
  context: Listing,
): Promise<string | undefined> {
  if (portion === undefined) return undefined
  let bytes = 0
  for await (const { sum } of listSizes('', context)) bytes += sum
  return await findEnd(toPosition(last), (read) => read.sum >= portion * bytes, context)
}

/** Bytes: of all copies, and of the largest copy of each name. */
interface Bytes {
  readonly sum: number
  readonly largest: number
}

/**
 * The first name after `after` up to which that is enough; undefined if that is the last, or no name comes
 * after.
 */
export async function findEnd(
  after: string,
  isEnough: (read: Bytes) => boolean,
  context: Listing,
): Promise<string | undefined> {
  let [sum, largest] = [0, 0]
  let end: string | undefined
  for await (const one of listSizes(after, context)) {
    if (end !== undefined) return end
    sum += one.sum
    largest += one.largest
    if (isEnough({ sum, largest })) end = one.name
  }
  return undefined
}

/** The names after `after` that any replica lists, in byte order, with their bytes. */
export async function* listSizes(
  after: string,
  context: Listing,
): AsyncGenerator<Bytes & { readonly name: string }> {
  const { signal } = context
  for (let from: string | null = after; from !== null; ) {
    const { entries, next } = await readMergedListing(context, {
      after: from,
      limit: MAX_LISTING_PAGE,
      signal,
    })
    for (const { name, copies } of entries) {
      const sizes = copies.map(({ size }) => size ?? 0)
      const sum = sizes.reduce((a, b) => a + b, 0)
      yield { name, sum, largest: Math.max(...sizes) }
    }
    from = next
  }
}
