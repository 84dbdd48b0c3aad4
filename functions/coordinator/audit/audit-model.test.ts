import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, it, vi } from 'vitest'
import { createReplica } from '../../replica/replica.ts'
import type { Facts } from '../../storage/facts.ts'
import { compareNames } from '../../storage/names.ts'
import { createRemoteStorage } from '../../storage/remote/remote.ts'
import type { Storage } from '../../storage/storage.ts'
import { createSelect } from '../../storage/survey/globs.ts'
import type { AuditSummary } from '../../wire/schemas/audit.ts'
import type { Manifest } from '../../wire/schemas/manifest.ts'
import { AGREEMENTS, type Agreement } from '../../wire/schemas/values.ts'
import { StorageError } from '../../wire/storage-error.ts'
import { type Comparison, compare } from '../compare/compare.ts'
import { toManifest } from '../compare/report.ts'
import { type AuditResult, audit, createTreeStorage, type Tree, toFacts } from './audit.suite.ts'

// So small that a few dozen names pass through every step that a million would.
vi.mock('../../wire/limits.ts', async (load) => ({
  ...(await load<typeof import('../../wire/limits.ts')>()),
  SPAN_GRAINS: [3, 2, 1],
  MAX_SURVEY_RANGES: 2,
  MAX_SPAN_NAMES: 6,
  MAX_LISTING_PAGE: 5,
  AUDIT_BATCH_NAMES: 3,
}))

/** Nobody is silent here: a process that stood still for seconds on a busy machine must not say so. */
const PATIENT = { deadlines: { silence: 3_600_000, answer: 3_600_000 } }
const RUNS = Number(process.env['VOUCH_MODEL_RUNS'] ?? 500)
const seed = Number(process.env['VOUCH_SEED'] ?? Date.now() % 2 ** 31)

interface Asked {
  readonly prefix: string
  readonly match: readonly string[]
  readonly exclude: readonly string[]
  readonly all: boolean
}

/** The facts of a replica that differ from those of the others; null for a missing file. */
type Change = Facts | StorageError | null

const FOLDERS = ['d/', 'd', '', 'd/e/']

const name = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.nat({ max: 60 }).map((n) => `${FOLDERS[n % 4]}${n}.txt`),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom('\uffff', '\u{1f600}/x', 'é', 'line\nbreak', ' ', 'd/.vouch/x', 'd.'),
  },
)
const facts = fc
  .record({ n: fc.nat({ max: 2 }), size: fc.nat({ max: 2 }) })
  .map(({ n, size }) => toFacts(n, { size }))
const trouble = fc
  .constantFrom('unreadable', 'changed', 'not-a-file', 'integrity')
  .map((code) => new StorageError(code, 'it went wrong'))
const shared = fc.oneof(
  fc.dictionary(name, facts, { maxKeys: 50 }),
  fc.dictionary(name, facts, { minKeys: 40, maxKeys: 60 }),
)
const change: fc.Arbitrary<Change> = fc.oneof(facts, fc.constant(null), trouble)
const changes = fc.dictionary(name, change, { maxKeys: 6 })
/** Some replicas lack a whole folder of those shared. */
const lacks = fc.constantFrom(null, null, 'd/', 'd/e/')
const replica = fc.record({ changes, lacks, isRemote: fc.boolean() })
const asked: fc.Arbitrary<Asked> = fc.record({
  prefix: fc.constantFrom('', '', '', 'd', 'd/', 'd/1', 'x'),
  match: fc.constantFrom([], [], ['d/'], ['*1*', '?.txt']),
  exclude: fc.constantFrom([], [], ['d/*2*'], ['*']),
  all: fc.boolean(),
})

function toTree(
  shared: Readonly<Record<string, Facts>>,
  { changes, lacks }: { readonly changes: Readonly<Record<string, Change>>; readonly lacks: string | null },
): Tree {
  const kept = Object.entries(shared).filter(([name]) => lacks === null || !name.startsWith(lacks))
  const all = Object.entries<Change>({ ...Object.fromEntries(kept), ...changes })
  return new Map(all.flatMap(([name, said]) => (said === null ? [] : [[name, toOwnSize(name, said)]])))
}

/**
 * Sizes of one digest that differ, which no files have, are found by the sum of a span. Each name has sizes
 * of its own, so that what one name has more is never what others have less.
 */
function toOwnSize(name: string, said: Facts | StorageError): Facts | StorageError {
  if (said instanceof StorageError || said.size === null) return said
  return { ...said, size: said.size * createHash('sha256').update(name).digest().readUInt32BE() }
}

function toStorage(tree: Tree, isRemote: boolean): Storage {
  const storage = createTreeStorage(tree)
  if (!isRemote) return storage
  const app = createReplica(storage)
  return createRemoteStorage('http://replica.test', {
    fetch: async (url, init) => await app.fetch(new Request(url, init)),
  })
}

function toQuery({ prefix, match, exclude, all }: Asked): string {
  const query = new URLSearchParams(prefix === '' ? {} : { prefix })
  for (const glob of match) query.append('match', glob)
  for (const glob of exclude) query.append('exclude', glob)
  if (all) query.set('all', '')
  return `?${query}`
}

/** The result of asking for every name by itself. */
function compareAll(trees: readonly Tree[], { prefix, match, exclude }: Asked): Map<string, Comparison> {
  const isWanted = createSelect({ match, exclude })
  const names = [...new Set(trees.flatMap((tree) => [...tree.keys()]))].sort(compareNames)
  const wanted = names.filter((name) => name.startsWith(prefix) && isWanted(name))
  const ask = (name: string) =>
    trees.map((tree, i) => ({ id: `server${i + 1}`, said: tree.get(name) ?? null }))
  return new Map(wanted.map((name) => [name, compare(ask(name))]))
}

function toManifests(comparisons: ReadonlyMap<string, Comparison>, { all, prefix }: Asked): Manifest[] {
  const held = [...comparisons].flatMap(([name, { answers }]) =>
    answers.flatMap(({ id, said }) => (said === null ? [] : [`${id} ${name}`])),
  )

  /** The first folder of the name, not above the prefix, in which the replica has none of the names. */
  function findFolder(name: string, id: string): string | undefined {
    const folders = [...name.matchAll(/\//g)].map(({ index }) => name.slice(0, index + 1))
    return folders.find((folder) => {
      return folder.startsWith(prefix) && !held.some((one) => one.startsWith(`${id} ${folder}`))
    })
  }

  const result = [...comparisons].filter(([, { agreement }]) => all || agreement !== 'unanimous')
  const manifests = result.map(([name, comparison]) => {
    const { replicas, ...manifest } = toManifest(name, comparison)
    const reports = replicas.map((report) => {
      return {
        ...report,
        missingFolder: report.state === 'missing' ? findFolder(name, report.id) : undefined,
      }
    })
    return { ...manifest, replicas: reports }
  })
  // As it comes over the wire, where what is undefined is absent.
  return JSON.parse(JSON.stringify(manifests))
}

function toSummary(comparisons: ReadonlyMap<string, Comparison>): Partial<AuditSummary> {
  const agreements: Partial<Record<Agreement, number>> = {}
  for (const { agreement } of comparisons.values()) agreements[agreement] = (agreements[agreement] ?? 0) + 1
  const { conflict, degraded, unknown, incomplete, unanimous } = agreements
  const agreement = conflict
    ? 'conflict'
    : degraded || unknown
      ? 'degraded'
      : incomplete
        ? 'incomplete'
        : unanimous
          ? 'unanimous'
          : 'absent'
  return { agreement, names: comparisons.size, agreements, rotten: 0 }
}

/** An audit in parts, each of which begins where the one before ended; `toPart` makes its query. */
async function auditParts(
  storages: readonly Storage[],
  query: string,
  toPart: (nth: number) => string,
): Promise<AuditResult[]> {
  const parts: AuditResult[] = []
  for (let after: string | undefined = ''; after !== undefined; after = parts.at(-1)?.summary.next) {
    const more = `${toPart(parts.length)}${after === '' ? '' : `&after=${encodeURIComponent(after)}`}`
    parts.push(
      await audit(storages, `${query === '?' ? '?' : `${query}&`}${more.replace(/^&/, '')}`, PATIENT),
    )
  }
  return parts
}

it('parts of an audit, each up to a number of names, are together the whole', async () => {
  const replicas = fc.array(replica, { minLength: 1, maxLength: 3 })
  const sizes = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 4 })
  await fc.assert(
    fc.asyncProperty(shared, replicas, asked, sizes, async (shared, replicas, asked, sizes) => {
      const trees = replicas.map((replica) => toTree(shared, replica))
      const storages = trees.map((tree, i) => toStorage(tree, replicas[i]?.isRemote === true))
      const whole = await audit(storages, toQuery(asked), PATIENT)
      const parts = await auditParts(storages, toQuery(asked), (nth) => `&names=${sizes[nth % sizes.length]}`)
      const manifests = parts.flatMap((part) => part.manifests)
      expect(manifests).toEqual(whole.manifests)
      const sum = (agreement: Agreement) =>
        parts.reduce((sum, { summary }) => sum + (summary.agreements[agreement] ?? 0), 0)
      for (const agreement of AGREEMENTS)
        expect(sum(agreement)).toBe(whole.summary.agreements[agreement] ?? 0)
    }),
    { numRuns: Math.ceil(RUNS / 5), seed },
  )
}, 3_600_000)

it('an audit reports the same as comparing every name, in byte order, each once', async () => {
  const replicas = fc.array(replica, { minLength: 1, maxLength: 4 })
  await fc.assert(
    fc.asyncProperty(shared, replicas, asked, async (shared, replicas, asked) => {
      const trees = replicas.map((replica) => toTree(shared, replica))
      const storages = trees.map((tree, i) => toStorage(tree, replicas[i]?.isRemote === true))
      const expected = compareAll(trees, asked)
      const { manifests, summary } = await audit(storages, toQuery(asked), PATIENT)
      expect(manifests).toEqual(toManifests(expected, asked))
      expect(summary).toMatchObject(toSummary(expected))
      expect(summary.agreements).toEqual(toSummary(expected).agreements)
      expect(summary.replicas.map(({ state }) => state)).toEqual(trees.map(() => 'ok'))
    }),
    { numRuns: RUNS, seed },
  )
}, 3_600_000)
