import type { Context } from 'hono'
import { atMostEvery } from '../bytes/heartbeat.ts'
import { answerLines, createAnswer, LINES } from '../http/answer.ts'
import type { AppEnv } from '../http/app.ts'
import { createProblem } from '../http/problems.ts'
import { LISTS_PER_DIFFERENCE, PROGRESS_MS } from '../wire/limits.ts'
import {
  type Calls,
  CPU_SECONDS,
  PRICES_READ,
  subtractCalls,
  toDollars,
  WORKERS_PRICES,
} from '../wire/prices.ts'
import type { Estimate, EstimateLine } from '../wire/schemas/estimate.ts'
import { StorageError, settle } from '../wire/storage-error.ts'
import { type Deadlines, withDeadlines } from './ask/deadlines.ts'
import type { Member } from './ask/member.ts'
import type { CoordinatorContext } from './context.ts'

interface Wanted {
  readonly prefix: string
  readonly deep: boolean
}

interface EstimateContext
  extends Pick<CoordinatorContext, 'members' | 'ledger' | 'onLedgerFailed' | 'deadlines'> {
  readonly writeLine: (line: EstimateLine) => Promise<void>
  readonly signal: AbortSignal
}

/** `GET /estimate?prefix=&deep`: what an audit will take of the stores that charge for their calls. */
export async function answerEstimate(c: Context<AppEnv>, context: CoordinatorContext): Promise<Response> {
  const { prefix = '', deep, ...others } = c.req.query()
  const [unknown] = Object.keys(others)
  if (unknown !== undefined)
    return createProblem('invalid-parameter', `an estimate takes prefix and deep, got '${unknown}'`)
  if (!['', 'true', undefined].includes(deep))
    return createProblem('invalid-parameter', `deep takes true, got '${deep}'`)
  if (c.req.method === 'HEAD') return createAnswer(200, LINES, null)
  const wanted = { prefix, deep: deep !== undefined }
  return await context.limits.audits.run(() =>
    answerLines(async (writeLine, signal) => {
      await writeLine({ estimate: await estimate(wanted, { ...context, writeLine, signal }) })
    }),
  )
}

async function estimate(wanted: Wanted, context: EstimateContext): Promise<Estimate> {
  const { members, writeLine, deadlines } = context
  const seen = members.map(() => 0)
  const show = atMostEvery(PROGRESS_MS, () => {
    // A sign of life, which nothing waits for.
    writeLine({ progress: { names: Math.max(...seen) } }).catch(() => {})
  })
  const { differing, last } = await readLast(wanted, context)
  const replicas = await Promise.all(
    members.map((member, i) =>
      estimateOne(member, differing ?? 0, {
        ...{ ...wanted, deadlines, signal: context.signal },
        onProgress(names) {
          seen[i] = names
          show()
        },
      }),
    ),
  )
  context.signal.throwIfAborted()
  const names = replicas.reduce((sum, one) => sum + (one.names ?? 0), 0)
  const bytes = replicas.reduce((sum, one) => sum + (one.calls?.bytes ?? 0), 0)
  const cpuSeconds = names * CPU_SECONDS.name + bytes * CPU_SECONDS.byte
  return {
    ...{ ...wanted, pricesRead: PRICES_READ, replicas, differing },
    ...{ cpuSeconds, cpuDollars: cpuSeconds * WORKERS_PRICES.cpuSecond, last },
  }
}

interface Asked extends Wanted {
  readonly deadlines: Deadlines
  readonly signal: AbortSignal
  readonly onProgress: (names: number) => void
}

async function estimateOne(
  { id, storage: { billing } }: Member,
  differing: number,
  { prefix, deep, ...asked }: Asked,
): Promise<Estimate['replicas'][number]> {
  const nothing = {
    id,
    state: 'ok',
    names: null,
    bytes: null,
    calls: null,
    dollars: null,
    spent: null,
  } as const
  if (billing === undefined) return nothing
  const before = billing.calls()
  const estimating = withDeadlines(asked.deadlines, asked.signal, (signal, note) => {
    const onProgress = (names: number) => {
      note({ done: 1 })
      asked.onProgress(names)
    }
    return billing.estimate({ prefix, isDeep: deep, signal, onProgress })
  })
  const found = await settle(estimating)
  if (found instanceof StorageError)
    return { ...nothing, state: 'error', error: found.reason, detail: found.message }
  const { prices } = billing
  const spent = subtractCalls(billing.calls(), before)
  const calls = deep ? found.calls : addDifferences(found.calls, differing)
  return {
    ...{ id, state: 'ok', names: found.names, bytes: found.bytes },
    calls: { prices, ...calls },
    dollars: toDollars(calls, prices),
    spent: { prices, ...spent },
  }
}

/** Each name that differs is listed again, with its neighbours, and then asked for. */
function addDifferences(calls: Calls, differing: number): Calls {
  const lists = Math.round(differing * LISTS_PER_DIFFERENCE)
  return { ...calls, list: calls.list + lists, head: calls.head + differing }
}

/** The names that differ by the audits so far, and what the last of all names took; null where unknown. */
async function readLast({ prefix }: Wanted, { ledger, onLedgerFailed }: EstimateContext) {
  const isFolder = prefix === '' || prefix.endsWith('/')
  if (ledger === undefined || !isFolder) return { differing: null, last: null }
  try {
    const [differing = 0] = await ledger.count([prefix])
    const [run] = prefix === '' ? await ledger.audits(1) : []
    if (run?.summary == null || run.ended === null) return { differing, last: null }
    const replicas = run.summary.replicas.flatMap(({ id, calls }) => (calls ? { id, calls } : []))
    return { differing, last: { ended: run.ended, replicas } }
  } catch (error) {
    onLedgerFailed?.(error)
    return { differing: null, last: null }
  }
}
