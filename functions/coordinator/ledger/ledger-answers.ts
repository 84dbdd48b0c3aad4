import type { Context } from 'hono'
import { toJson } from '../../http/answer.ts'
import { createProblem } from '../../http/problems.ts'
import { NAME_RULE, parseName } from '../../storage/names.ts'
import { parseLimit } from '../../wire/fields/query.ts'
import { parseNamedPath } from '../../wire/fields/routes.ts'
import type { CoordinatorContext } from '../context.ts'
import type { Ledger } from './ledger.ts'

type WithLedger = Pick<CoordinatorContext, 'ledger' | 'onLedgerFailed'>

/** `GET /status`: what is known by the audits so far. */
export async function answerStatus(
  context: WithLedger,
  verifiesEvery: number | undefined,
): Promise<Response> {
  return await answer(context, async (ledger) => ({ ...(await ledger.status()), verifiesEvery }))
}

/** `GET /differences?after=&limit=`: the names that differ, by the audits so far. */
export async function answerDifferences(c: Context, context: WithLedger): Promise<Response> {
  const { after = '', limit: text } = c.req.query()
  const limit = parseLimit(text)
  if (typeof limit === 'string') return createProblem('invalid-parameter', limit)
  return await answer(context, (ledger) => ledger.list({ after, limit }))
}

/** `GET /history/{name}`: what audits have found of a name. */
export async function answerHistory(c: Context, context: WithLedger): Promise<Response> {
  const name = parseName(parseNamedPath('/history/', c.req.url) ?? '')
  if (name === null) return createProblem('invalid-name', NAME_RULE)
  return await answer(context, (ledger) => ledger.history(name))
}

async function answer(context: WithLedger, read: (ledger: Ledger) => Promise<object>): Promise<Response> {
  return await readLedger(context, async (ledger) => toJson(await read(ledger)))
}

/** Answers with what `read` returns, or with a problem when there is no ledger, or it fails. */
export async function readLedger(
  { ledger, onLedgerFailed }: WithLedger,
  read: (ledger: Ledger) => Promise<Response>,
): Promise<Response> {
  if (ledger === undefined)
    return createProblem('no-ledger', 'this coordinator does not record what its audits find')
  try {
    return await read(ledger)
  } catch (error) {
    onLedgerFailed?.(error)
    return createProblem(
      'internal-error',
      'the ledger cannot be read; the log of this coordinator has the reason',
    )
  }
}
