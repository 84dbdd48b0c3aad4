import type { Context, Hono } from 'hono'
import { type AppEnv, type AppOptions, addRoutes, createApp, type Routes, toCaller } from '../http/app.ts'
import { refuseForeignPage } from '../http/cross-site.ts'
import { createLimit } from '../http/overload.ts'
import { createProblem } from '../http/problems.ts'
import type { Signer } from '../proof/keys.ts'
import { createSignFacts, createSignText } from '../proof/sign-facts.ts'
import { NAME_RULE, parseName } from '../storage/names.ts'
import { createSelect } from '../storage/survey/globs.ts'
import type { CreateHasher } from '../wire/digest.ts'
import { parseNamedPath } from '../wire/fields/routes.ts'
import { isValid } from '../wire/json/parse.ts'
import { createLimit as createQueue } from '../wire/limit.ts'
import {
  MAX_APPLIED,
  MAX_AUDITS,
  MAX_FOLDER_TURNS,
  MAX_LISTINGS,
  MAX_PAGES_COMPARING,
  MAX_PIPELINES,
} from '../wire/limits.ts'
import { findWrongIds } from '../wire/replica-ids.ts'
import { globs } from '../wire/schemas/values.ts'
import { DEADLINES, type Deadlines } from './ask/deadlines.ts'
import { createMember, type Defer, type Replica } from './ask/member.ts'
import { GLOBS_RULE } from './audit/exclude.ts'
import type { CoordinatorContext } from './context.ts'
import type { Ledger } from './ledger/ledger.ts'
import type { Observer } from './observer.ts'
import { createPages } from './page/routes.ts'
import { type Require, toCount } from './parameters.ts'
import { deliverCopy } from './read/deliver.ts'
import { createKeptReceipts } from './read/kept-receipts.ts'
import { answerName, isPlain, ofReplica, parseReads, type ReadBase, type Reads } from './read/reads.ts'
import { type CoordinatorState, createState, type StateOptions } from './state.ts'

/** Options of a coordinator. */
export interface CoordinatorOptions extends AppOptions {
  /** The host's SHA-256, which hashes delivered contents. */
  readonly createHasher: CreateHasher
  /** How long a replica may take; each is as in `DEADLINES` when absent. */
  readonly deadlines?: { readonly [K in keyof Deadlines]?: Deadlines[K] | undefined } | undefined
  /** How many replicas must answer unless a request overrides it; 1 when absent. */
  readonly require?: Require | undefined
  /**
   * Globs of names that audits, plans and listings leave out, in the language of `createSelect`; none when
   * absent. A file that is asked for by its name is compared all the same.
   */
  readonly exclude?: readonly string[] | undefined
  /** As in `StateOptions`; unused with `state`. */
  readonly onCorrupt?: StateOptions['onCorrupt']
  /** What is remembered; new when absent. In workerd, the coordinators of all requests share one state. */
  readonly state?: CoordinatorState | undefined
  /** Notified of the replicas' answers and of ended audits. */
  readonly observer?: Observer | undefined
  /**
   * Records what audits find, for `GET /status`, `/differences` and `/history/{name}`. Its creator closes it.
   */
  readonly ledger?: Ledger | undefined
  /**
   * Seconds in which the host reads every byte once by `verifyOnSchedule`, for `GET /status`; absent if it
   * does not.
   */
  readonly verifiesEvery?: number | undefined
  /** Called with the error when the ledger fails; the audit goes on unrecorded. */
  readonly onLedgerFailed?: ((error: unknown) => void) | undefined
  /** Accepts `POST /apply` and `POST /restore`; refused otherwise. */
  readonly writable?: boolean | undefined
  /**
   * The keys that sign for replicas that do not sign themselves, and that `GET /keys` shows: as in
   * `ReplicaOptions`.
   */
  readonly signers?: readonly Signer[] | undefined
  /** Batches concurrent reads' questions to a replica. Absent where requests share no work (workerd). */
  readonly defer?: Defer | undefined
}

/**
 * Creates the app of a coordinator, which asks all `replicas` for each name, compares, and answers. Throws
 * when there is no replica, an id is not valid or not unique, or they are too many for `Replica-Status`, and
 * when there are too many globs for a survey.
 *
 * @example
 * const coordinator = createCoordinator(
 *   [
 *     { id: 'nas', storage: createDirectoryStorage('/srv/files') },
 *     { id: 'vm2', storage: createRemoteStorage('http://vm2:6002') },
 *   ],
 *   { createHasher },
 * )
 * const response = await coordinator.request('/files/notes.txt')
 */
export function createCoordinator(replicas: readonly Replica[], options: CoordinatorOptions): Hono<AppEnv> {
  const ids = replicas.map(({ id }) => id)
  const wrong = findWrongIds(ids)
  if (wrong !== null) throw new Error(wrong)
  if (!isValid(globs, options.exclude ?? [])) throw new Error(`too many globs to exclude: ${GLOBS_RULE}`)
  const app = createApp({ ...options, hasPages: true })
  const context = createContext(replicas, options)
  const { limits } = context
  const required = toCount(options.require ?? 1, ids.length)

  // What a read of one file does not need is loaded by the first request for it.
  const routes = {
    '/files': {
      sameSite: true,
      get: async (c) => {
        const { answerMergedListing } = await import('./listing.ts')
        return await limits.listings.run(() => answerMergedListing(c, context))
      },
    },
    '/files/{name}': { get: (c) => answerRead(c, context, required, '/files/') },
    '/pinned/{name}': { get: (c) => answerRead(c, context, required, '/pinned/') },
    '/dav/{name}': {
      get: (c) => answerRead(c, context, required, '/dav/'),
      propfind: async (c) => {
        const { answerPropfind } = await import('./dav/propfind.ts')
        return await limits.listings.run(() => answerPropfind(c, context, required))
      },
    },
    '/reads': {
      post: async (c) => {
        const { answerReads } = await import('./read/many-reads.ts')
        return await limits.pipelines.run(() => answerReads(c, context, required))
      },
    },
    '/audit': {
      sameSite: true,
      get: async (c) => (await import('./audit/audit-answer.ts')).answerAudit(c, context),
    },
    '/tree': { sameSite: true, get: async (c) => (await import('./trees/trees.ts')).answerTrees(c, context) },
    '/trees': {
      sameSite: true,
      get: async (c) => (await import('./trees/trees.ts')).answerKeptTrees(c, context),
    },
    '/estimate': {
      sameSite: true,
      get: async (c) => (await import('./estimate.ts')).answerEstimate(c, context),
    },
    '/verify': { post: async (c) => (await import('./ledger/verify.ts')).answerVerify(c, context) },
    '/status': {
      sameSite: true,
      get: async () => (await loadLedger()).answerStatus(context, options.verifiesEvery),
    },
    '/differences': {
      sameSite: true,
      get: async (c) => (await loadLedger()).answerDifferences(c, context),
    },
    '/history/{name}': { sameSite: true, get: async (c) => (await loadLedger()).answerHistory(c, context) },
    '/plan': { post: async (c) => (await import('./repair/plan-answer.ts')).answerPlan(c, context) },
    '/apply': { post: async (c) => (await import('./repair/apply.ts')).answerApply(c, context) },
    '/kept': {
      sameSite: true,
      get: async (c) => {
        const { answerKept } = await import('./kept.ts')
        return await limits.listings.run(() => answerKept(c, context))
      },
    },
    '/restore': { post: async (c) => (await import('./kept.ts')).takeRestore(c, context) },
    '/keys': { get: async () => (await import('../proof/answer-keys.ts')).answerKeys(options.signers ?? []) },
    '/replicas': { get: async (c) => (await import('./replicas.ts')).answerReplicas(c, context) },
    '/readyz': {
      sameSite: true,
      get: async (c) => (await import('./replicas.ts')).answerReadiness(c, context, required),
    },
  } satisfies Routes
  app.on('POST', '*', refuseForeignPage)
  addRoutes(app, routes, () => import('./openapi/document.ts'))
  addRoutes(app, createPages(context))
  return app
}

async function loadLedger() {
  return await import('./ledger/ledger-answers.ts')
}

/** What the handlers of a coordinator share; with `options.state`, contexts also share what is remembered. */
export function createContext(replicas: readonly Replica[], options: CoordinatorOptions): CoordinatorContext {
  const { defer, createHasher, observer, onCorrupt, ledger, onLedgerFailed, exclude = [] } = options
  const { signers = [] } = options
  const { silence = DEADLINES.silence, answer = DEADLINES.answer } = options.deadlines ?? {}
  const deadlines = { silence, answer }
  const { state = createState({ onCorrupt, onBreaker: observer?.onBreaker }) } = options
  const { contentCache, corruptCopies, recentReads, checkSignature } = state
  const members = replicas.map((replica) => {
    const breaker = state.findBreaker(replica.id)
    const listings = state.findListingBreaker(replica.id)
    return createMember(replica, { deadlines, defer, observer, breaker, listings })
  })
  const limits = {
    audits: createLimit(MAX_AUDITS, 'audits'),
    plans: createLimit(MAX_APPLIED, 'plans'),
    listings: createLimit(MAX_LISTINGS, 'listings'),
    comparisons: createLimit(MAX_PAGES_COMPARING, 'comparisons'),
    pipelines: createLimit(MAX_PIPELINES, 'requests for many files'),
  }
  const folderTurns = createQueue(MAX_FOLDER_TURNS)
  const isWritable = options.writable === true
  const sign = signers.length === 0 ? undefined : createSignText(signers)
  const receipts = createKeptReceipts()
  const signing = { sign, signFacts: sign && createSignFacts(sign), checkSignature, receipts }
  const remembered = { contentCache, corruptCopies, recentReads }
  const recording = { ledger, onLedgerFailed }
  const ids = replicas.map(({ id }) => id)
  const isIncluded = createSelect({ match: [], exclude })
  const shared = { deadlines, createHasher, observer, isWritable, limits, folderTurns, signing }
  return { ids, members, exclude, isIncluded, ...shared, ...remembered, ...recording }
}

/**
 * `GET /files/{name}`: the compared read, or one replica's copy; below `/pinned/` where it is, and below
 * `/dav/` the same for WebDAV: never a part of just any content, and the copies beside a conflict. By default
 * `required` must answer.
 */
function answerRead(
  c: Context<AppEnv>,
  context: CoordinatorContext,
  required: number,
  base: ReadBase,
): Response | Promise<Response> {
  const path = parseNamedPath(base, c.req.url)
  if (base !== '/pinned/' && path !== null && (path === '' || path.endsWith('/')))
    return answerFolder(c, context, required, path)
  const name = parseName(path ?? '')
  if (name === null) return createProblem('invalid-name', NAME_RULE)
  const reads = parseReads(context, {
    required,
    base,
    query: c.req.query(),
    accept: c.req.header('Accept'),
    prefer: c.req.header('Prefer'),
    ...toCaller(c),
  })
  if (typeof reads === 'string') return createProblem('invalid-parameter', reads)
  const answer = answerName(c.req.raw, reads, name)
  return base === '/dav/' ? orBeside(answer, c, context, { reads, name }) : answer
}

async function answerFolder(
  c: Context<AppEnv>,
  context: CoordinatorContext,
  required: number,
  folder: string,
) {
  const { answerDirectory } = await import('./directory/directory.ts')
  return await context.limits.listings.run(() => answerDirectory(c, context, { folder, required }))
}

/** The answer, or that to the copy beside a conflict that the name may be of. */
async function orBeside(
  answering: Promise<Response>,
  c: Context<AppEnv>,
  context: CoordinatorContext,
  { reads, name }: { readonly reads: Reads; readonly name: string },
): Promise<Response> {
  const answer = await answering
  if (answer.status !== 404 || !isPlain(reads)) return answer
  const { findBeside } = await import('./dav/beside.ts')
  const beside = await findBeside(context, name, reads.read)
  if (beside === null) return answer
  return await deliverCopy(c.req.raw, { ...ofReplica(reads.read, beside.id), name: beside.name })
}
