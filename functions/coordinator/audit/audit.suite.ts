import type { Facts } from '../../storage/facts.ts'
import { compareNames, requireName } from '../../storage/names.ts'
import type { Storage } from '../../storage/storage.ts'
import type { Survey, SurveyLine } from '../../storage/survey/survey.ts'
import type { Digest } from '../../wire/digest.ts'
import { parseJson } from '../../wire/json/parse.ts'
import { MAX_LISTING_PAGE } from '../../wire/limits.ts'
import { type AuditSummary, auditLine } from '../../wire/schemas/audit.ts'
import type { Manifest } from '../../wire/schemas/manifest.ts'
import { StorageError } from '../../wire/storage-error.ts'
import type { CoordinatorOptions } from '../coordinator.ts'
import { coordinate } from '../set-up.suite.ts'

/** The answer of a test replica for each of its names. */
export type Tree = ReadonlyMap<string, Facts | StorageError>

/** A replica that answers from the tree as it is at that moment, and has no bytes. */
export function createTreeStorage(tree: Tree): Storage {
  async function describeOne(name: string): Promise<Facts | null> {
    const said = tree.get(requireName(name)) ?? null
    if (said instanceof StorageError) throw said
    return said
  }

  return {
    describe: (names) => names.map(describeOne),
    async list({ prefix = '', after = '', signal } = {}) {
      signal?.throwIfAborted()
      const names = [...tree.keys()].filter((n) => n.startsWith(prefix) && compareNames(n, after) > 0)
      const page = names.sort(compareNames).slice(0, MAX_LISTING_PAGE)
      const entries = page.map((name) => ({ name, size: 0, modified: null }))
      return { entries, next: names.length > page.length ? (page.at(-1) ?? null) : null }
    },
    open: () => Promise.reject(new Error('no audit opens a file that need not be read again')),
  }
}

/** A digest that ends in this number, in hexadecimal. */
export function toDigest(n: number): Digest {
  return n.toString(16).padStart(64, '0')
}

export function toFacts(n: number, changes: Partial<Facts> = {}): Facts {
  return { size: n, digest: toDigest(n), modified: null, evidence: 'read', age: 0, ...changes }
}

/** All that an audit reported. */
export interface AuditResult {
  readonly manifests: readonly Manifest[]
  readonly summary: AuditSummary
}

/** The lines of an answer to `GET /audit`; throws when one is not valid. */
export async function readResult(response: Response): Promise<AuditResult> {
  const manifests: Manifest[] = []
  let summary: AuditSummary | undefined
  const lines = (await response.text()).split('\n')
  for (const line of lines.slice(0, -1)) {
    const read = parseJson(auditLine, line)
    if (!read.success) throw new Error(read.wrong)
    const said = read.output
    if (summary !== undefined) throw new Error(`continues after its summary: ${line}`)
    if ('name' in said) manifests.push(said)
    else if ('summary' in said) summary = said.summary
  }
  if (summary === undefined) throw new Error('there is no summary')
  return { manifests, summary }
}

/** Audits these storages, with this query: `?deep`. */
export async function audit(
  storages: readonly Storage[],
  query = '',
  options: Partial<CoordinatorOptions> = {},
): Promise<AuditResult> {
  return await readResult(await coordinate(storages, options).request(`/audit${query}`))
}

/** What was reported of each name: `a: match missing`. */
export function toRows({ manifests }: AuditResult): string[] {
  return manifests.map(({ name, replicas }) => `${name}: ${replicas.map(({ state }) => state).join(' ')}`)
}

/** The storage, with a survey of its own: `change` is called for each, and returns its lines. */
export function withSurvey(
  storage: Storage,
  change: (survey: Survey, nth: number, signal: AbortSignal | undefined) => AsyncIterable<SurveyLine>,
): Storage {
  let surveys = 0
  return { ...storage, survey: (survey, options) => change(survey, ++surveys, options?.signal) }
}
