import type { Context, Hono } from 'hono'
import { NAME_RULE, parseName } from '../storage/names.ts'
import { type AppEnv, type AppOptions, createApp, refuseOtherMethods, toJson } from '../wire/app.ts'
import type { CreateHasher } from '../wire/digest.ts'
import { createLimit } from '../wire/limit.ts'
import { MAX_APPLIED, MAX_AUDITS, MAX_LISTINGS, MAX_PAGES_COMPARING } from '../wire/limits.ts'
import { refuseForeignPage } from '../wire/origin.ts'
import { createProblem } from '../wire/problems.ts'
import { findWrongIds } from '../wire/replica-ids.ts'
import { parseFilePath } from '../wire/routes.ts'
import type { ReplicaStates } from '../wire/schemas.ts'
import type { Trace } from '../wire/trace.ts'
import { accepts } from './accept.ts'
import { answerApply } from './apply-answer.ts'
import { answerAudit } from './audit-answer.ts'
import { deliver, deliverCopy } from './deliver.ts'
import { type AskOptions, createMember, type Defer, type Replica } from './gather.ts'
import { answerKept, takeRestore } from './kept.ts'
import { answerMergedListing } from './listing.ts'
import { createMemory, type Memory, type MemoryOptions } from './memory.ts'
import { type Observer, SILENT } from './observer.ts'
import { addPages } from './page/pages.ts'
import { parsePrefer, parseReadParameters, type Require, toCount } from './parameters.ts'
import { answerPlan } from './plan-answer.ts'
import type { Read } from './read.ts'
import { answerReadiness } from './ready.ts'
import { readReplicaStates } from './replicas.ts'
import { DEADLINES, type Deadlines } from './silence.ts'

/** What a coordinator takes beside its replicas. */
export interface CoordinatorOptions extends AppOptions {
  /** The host's SHA-256: what is delivered is hashed as it passes. */
  readonly createHasher: CreateHasher
  /** How long a replica may take; `DEADLINES` where it says nothing. */
  readonly deadlines?: { readonly [K in keyof Deadlines]?: Deadlines[K] | undefined } | undefined
  /** How many replicas must answer where a request does not say; 1 when absent. */
  readonly require?: Require | undefined
  /** As in `MemoryOptions`; not for a memory that was made before. */
  readonly onCorrupt?: MemoryOptions['onCorrupt']
  /**
   * What is remembered; one of its own when absent. Where requests may not share work (workerd), a coordinator counts
   * what is under way for one request alone: there each request has its own, over one memory.
   */
  readonly memory?: Memory | undefined
  /** Hears of what replicas answer and audits find; nobody when absent. */
  readonly observer?: Observer | undefined
  /** Takes `POST /apply` and `POST /restore`; refused otherwise. */
  readonly writable?: boolean | undefined
  /**
   * Lets concurrent reads ask a replica together. When absent each read asks by itself, as it must where requests may
   * not share work (workerd).
   */
  readonly defer?: Defer | undefined
}

/**
 * Asks all `replicas` for each name, compares, and answers. Throws when there is no replica, an id is not valid, two are
 * alike, or they are too many for `Replica-Status`.
 */
export function createCoordinator(replicas: readonly Replica[], options: CoordinatorOptions): Hono<AppEnv> {
  const ids = replicas.map(({ id }) => id)
  const wrong = findWrongIds(ids)
  if (wrong !== null) throw new Error(wrong)
  const app = createApp({ ...options, hasPages: true })
  const { defer, createHasher, observer = SILENT } = options
  const isWritable = options.writable === true
  const { silence = DEADLINES.silence, answer = DEADLINES.answer } = options.deadlines ?? {}
  const deadlines = { silence, answer }
  const { memory = createMemory({ onCorrupt: options.onCorrupt, onBreaker: observer.onBreaker }) } = options
  const { contents, suspects } = memory
  const members = replicas.map((replica) =>
    createMember(replica, {
      ...{ deadlines, defer, observer },
      breaker: memory.findBreaker(replica.id),
      listings: memory.findListingBreaker(replica.id),
    }),
  )
  const limit = createLimit(MAX_AUDITS, 'audits')
  const applying = createLimit(MAX_APPLIED, 'plans')
  const listing = createLimit(MAX_LISTINGS, 'listings')
  const comparing = createLimit(MAX_PAGES_COMPARING, 'comparisons')

  /** The read of one name, of which one replica has to answer. */
  function toRead(name: string, trace: Trace | undefined, getSignal?: AskOptions['getSignal']): Read {
    const shared = { members, contents, suspects, deadlines, createHasher }
    return { ...shared, name, required: 1, isStrict: false, trace, getSignal }
  }

  app.on('POST', '*', refuseForeignPage)
  for (const path of ['/audit', '/files', '/kept', '/readyz']) app.get(path, refuseForeignPage)

  app.get('/files', (c) => listing.run(() => answerMergedListing(c, members)))
  refuseOtherMethods(app, '/files', 'GET, HEAD')
  app.get('/files/*', async (c) => {
    const name = parseName(parseFilePath(c.req.url) ?? '')
    if (name === null) return createProblem('invalid-name', NAME_RULE)
    const parameters = parseReadParameters(c.req.query(), ids)
    if (typeof parameters === 'string') return createProblem('invalid-parameter', parameters)
    const prefer = c.req.header('Prefer')
    const isStrict = prefer !== undefined && parsePrefer(prefer).has('handling=strict')
    const { replica, version, maxAge, require = options.require ?? 1 } = parameters
    const required = isStrict ? ids.length : toCount(require, ids.length)
    const read = { ...toRead(name, c.var.trace, () => c.req.raw.signal), required, isStrict, maxAge }
    if (replica === undefined) return await deliver(c.req.raw, { ...read, version })
    return await deliverCopy(c.req.raw, { ...read, members: members.filter(({ id }) => id === replica) })
  })
  refuseOtherMethods(app, '/files/*', 'GET, HEAD')

  app.get('/audit', (c) => answerAudit(c, { members, deadlines, createHasher, suspects, limit, observer }))
  refuseOtherMethods(app, '/audit', 'GET, HEAD')
  app.post('/plan', (c) => answerPlan(c, { members, deadlines, createHasher, suspects, limit }))
  refuseOtherMethods(app, '/plan', 'POST')
  app.post('/apply', (c) => {
    if (!isWritable) return createProblem('read-only', 'this coordinator takes no writes')
    return answerApply(c, { members, toRead: (name) => toRead(name, c.var.trace), limit: applying })
  })
  refuseOtherMethods(app, '/apply', 'POST')

  app.get('/replicas', async (c) => {
    if (!accepts(c.req.raw, 'application/json')) {
      return createProblem('not-acceptable', 'this resource is application/json')
    }
    const states = await readReplicaStates(members, suspects, toAsker(c))
    return toJson({ replicas: states } satisfies ReplicaStates)
  })
  refuseOtherMethods(app, '/replicas', 'GET, HEAD')

  app.get('/readyz', (c) => answerReadiness(members, toCount(options.require ?? 1, ids.length), toAsker(c)))
  refuseOtherMethods(app, '/readyz', 'GET, HEAD')

  app.get('/kept', (c) => listing.run(() => answerKept(c, replicas, deadlines)))
  refuseOtherMethods(app, '/kept', 'GET, HEAD')
  app.post('/restore', (c) => takeRestore(c, replicas, { deadlines, isWritable }))
  refuseOtherMethods(app, '/restore', 'POST')
  app.get('/openapi.json', async () => toJson((await import('./openapi.ts')).DOCUMENT))
  refuseOtherMethods(app, '/openapi.json', 'GET, HEAD')

  addPages(app, {
    members,
    suspects,
    deadlines,
    createHasher,
    toRead,
    limit,
    applying,
    comparing,
    isWritable,
  })
  return app
}

/** The client of a request as one who asks replicas. */
function toAsker(c: Context<AppEnv>): AskOptions {
  return { trace: c.var.trace, getSignal: () => c.req.raw.signal }
}
