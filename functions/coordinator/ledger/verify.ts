import type { Context } from 'hono'
import { answerLines } from '../../http/answer.ts'
import type { AppEnv } from '../../http/app.ts'
import { readJsonBody } from '../../http/request-body.ts'
import { MAX_LISTING_PAGE, MAX_VERIFY_BYTES } from '../../wire/limits.ts'
import { type VerifyRequest, verifyRequest } from '../../wire/schemas.ts'
import type { AuditContext, AuditLimit } from '../audit/audit.ts'
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
      'maxAge and seconds, both numbers of seconds, and portion, above 0 and at most 1; each may be left out',
  })
  if (request instanceof Response) return request
  return await readLedger(context, async (ledger) => {
    const last = await ledger.verification()
    const { trace } = c.var
    return await context.limits.audits.run(() =>
      answerLines((writeLine, signal) =>
        verify(request, last, ledger, { ...context, trace, writeLine, signal }),
      ),
    )
  })
}

async function verify(
  { maxAge, portion, seconds }: VerifyRequest,
  last: Verification | null,
  ledger: Ledger,
  context: AuditContext & Pick<CoordinatorContext, 'ledger' | 'onLedgerFailed' | 'isIncluded'>,
): Promise<void> {
  const now = Date.now()
  const { began, after } = last === null || last.ended !== null ? { began: now, after: '' } : last
  const until = portion === undefined ? undefined : await findEnd(after, portion, context)
  const limit = createLimit(seconds, (after) => ledger.noteVerification({ began, after, ended: null }))
  const sinceBegan = Math.max(0, Math.floor((now - began) / 1000))
  const request = {
    prefix: '',
    match: [],
    exclude: [],
    all: false,
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

/** Ends an audit after so many seconds; names that were verified are passed to `onVerified`. */
function createLimit(seconds: number | undefined, onVerified: AuditLimit['onReported']): AuditLimit {
  const end = seconds === undefined ? Number.POSITIVE_INFINITY : performance.now() + 1000 * seconds
  return { isReached: () => performance.now() >= end, onReported: onVerified }
}

/** The name behind which this portion of all bytes, of all replicas, ends; undefined if that is the last. */
async function findEnd(
  after: string,
  portion: number,
  context: ListingContext & Pick<AuditContext, 'signal'>,
): Promise<string | undefined> {
  let bytes = 0
  for await (const entry of listSizes('', context)) bytes += entry.size
  let left = portion * bytes
  let end: string | undefined
  for await (const { name, size } of listSizes(after, context)) {
    if (end !== undefined) return end
    left -= size
    if (left <= 0) end = name
  }
  return undefined
}

/** The names that any replica lists, in byte order, each with the bytes of all its copies. */
async function* listSizes(after: string, context: ListingContext & Pick<AuditContext, 'signal'>) {
  const { signal } = context
  for (let from: string | null = after; from !== null; ) {
    const { entries, next } = await readMergedListing(context, {
      after: from,
      limit: MAX_LISTING_PAGE,
      signal,
    })
    for (const { name, copies } of entries) yield { name, size: copies.reduce((a, { size }) => a + size, 0) }
    from = next
  }
}
