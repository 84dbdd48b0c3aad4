import { createReadStream } from 'node:fs'
import { resolve } from 'node:path'
import * as v from 'valibot'
import { compareNames } from '../../../functions/storage/names.ts'
import { isWithin } from '../../../functions/storage/survey/survey.ts'
import { parseJson } from '../../../functions/wire/json/parse.ts'
import { type AuditSummary, auditSummary } from '../../../functions/wire/schemas/audit.ts'
import { type Manifest, manifest } from '../../../functions/wire/schemas/manifest.ts'
import { AGREEMENTS, type Agreement } from '../../../functions/wire/schemas/values.ts'
import type { Io } from '../../hosting/io.ts'
import { toReason } from '../../node/files/errno.ts'
import { UserError } from '../../node/user-error.ts'
import { splitLines } from '../client/ndjson.ts'

/** A line of `check --json`; a renamed file repeats what two of the names say. */
const line = v.union([
  manifest,
  v.object({ renamed: v.object({ from: v.string(), to: v.string() }) }),
  v.object({ summary: v.object({ began: v.string(), ...auditSummary.entries }) }),
])
type Line = v.InferOutput<typeof line>

/** The end of a check: its summary, and when it began, in RFC 3339. */
export interface Summary extends AuditSummary {
  readonly began: string
}

/** What a check has printed with `--json`, as far as another reads it. */
export interface Result extends Summary {
  readonly path: string
  /** The names after `after` and up to `until` were compared; null is after all names. */
  readonly after: string
  readonly until: string | null
  /** Whether it has a line for each name that is the same everywhere. */
  readonly hasAll: boolean
  /**
   * Lines of names not after `after`: folders that could not be read, and that go on in the range. The part
   * before has them too.
   */
  readonly repeated: readonly Manifest[]
}

/**
 * Reads what a check has printed with `--json`, and keeps its summary. Throws a UserError for a file that is
 * anything else, that is not finished, or whose lines are not those that its summary counts.
 */
export async function readResult(path: string, io: Pick<Io, 'cwd' | 'signal'>): Promise<Result> {
  const counts: Partial<Record<Agreement, number>> = {}
  const repeated: Manifest[] = []
  let last = ''
  let summary: Summary | undefined
  for await (const one of readLines(path, io)) {
    if (summary !== undefined) throw fault(path, 'goes on after its summary, as two results in one file do')
    if ('summary' in one) summary = one.summary
    if (!('name' in one)) continue
    if (compareNames(one.name, last) <= 0)
      throw fault(path, `has its names out of order: '${one.name}' comes after '${last}'`)
    last = one.name
    counts[one.agreement] = (counts[one.agreement] ?? 0) + 1
    if (one.name.endsWith('/') && repeated.length < MAX_REPEATED) repeated.push(one)
  }
  if (summary === undefined)
    throw fault(path, 'is not finished: it has no summary at its end; check that part again')
  if (summary.proved !== undefined)
    throw fault(
      path,
      'has proofs, each run by a nonce of its own; merge the parts of a check without --prove',
    )
  const { scope, next = null } = summary
  const after = scope?.after ?? ''
  if (scope?.until !== undefined && scope.until !== next)
    throw fault(path, `ended before its range did, at '${next}'; check that part again`)
  requireCounted(path, summary, counts)
  if (!isWithin(last, next)) throw fault(path, `has the name '${last}', which is after its range`)
  const { unanimous = 0 } = counts
  return {
    ...{ ...summary, path, after, until: next },
    hasAll: unanimous === (summary.agreements.unanimous ?? 0),
    repeated: repeated.filter(({ name }) => compareNames(name, after) <= 0),
  }
}

/** Folders around the beginning of a range: a name has no more segments. */
const MAX_REPEATED = 512

/** A name of one agreement has a line, unless it is the same everywhere, or as far as replicas answered. */
function requireCounted(path: string, summary: Summary, counts: Partial<Record<Agreement, number>>): void {
  for (const agreement of AGREEMENTS) {
    const [lines, said] = [counts[agreement] ?? 0, summary.agreements[agreement] ?? 0]
    const isEnough = ['unanimous', 'degraded'].includes(agreement) ? lines <= said : lines === said
    if (!isEnough)
      throw fault(
        path,
        `has ${lines} lines of names that are ${agreement}, and its summary counts ${said}; check that part again with --json, and give --one-way to vouch merge alone`,
      )
  }
}

/** The manifests of a result, in byte order. */
export async function* readManifests(
  { path }: Pick<Result, 'path'>,
  io: Pick<Io, 'cwd' | 'signal'>,
): AsyncGenerator<Manifest> {
  for await (const one of readLines(path, io)) if ('name' in one) yield one
}

async function* readLines(path: string, io: Pick<Io, 'cwd' | 'signal'>): AsyncGenerator<Line> {
  let nth = 0
  for await (const text of readTexts(path, io)) {
    nth++
    const parsed = parseJson(line, text)
    if (!parsed.success)
      throw fault(path, `is not the output of vouch check --json: line ${nth} is not valid (${parsed.wrong})`)
    yield parsed.output
  }
}

/** The lines of a file, which must each have an end. */
async function* readTexts(path: string, { cwd, signal }: Pick<Io, 'cwd' | 'signal'>): AsyncGenerator<string> {
  const stream = createReadStream(resolve(cwd, path), { highWaterMark: 256 * 1024 })
  const batches = splitLines(stream, {
    decoder: new TextDecoder('utf-8', { fatal: true }),
    toEndless: () => fault(path, 'has a line without an end'),
    toCut: () => fault(path, 'is not finished: it ends within a line; check that part again'),
  })
  try {
    for await (const lines of batches) {
      signal?.throwIfAborted()
      yield* lines
    }
  } catch (error) {
    signal?.throwIfAborted()
    if (error instanceof UserError) throw error
    throw new UserError(`cannot read '${path}': ${toReason(error)}`, 'io')
  } finally {
    stream.destroy()
  }
}

function fault(path: string, what: string): UserError {
  return new UserError(`'${path}' ${what}`)
}
