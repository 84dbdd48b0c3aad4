import { createHasher } from '../../runtime/node/hasher.ts'
import { compareNames, requireName } from '../storage/names.ts'
import type { Facts, Storage } from '../storage/storage.ts'
import type { Survey, SurveyLine } from '../storage/survey.ts'
import type { Digest } from '../wire/digest.ts'
import { MAX_LISTING_PAGE } from '../wire/limits.ts'
import { parseJson } from '../wire/parse.ts'
import { type AuditSummary, auditLine, type Manifest } from '../wire/schemas.ts'
import { StorageError } from '../wire/trouble.ts'
import { createCoordinator } from './coordinator.ts'

/** What a replica of a test says of each of its names. */
export type Tree = ReadonlyMap<string, Facts | StorageError>

/** A replica that knows of its files what the tree says of them at that moment, and has none of their bytes. */
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
    open: () => Promise.reject(new Error('no audit opens a file that is not to be read anew')),
    put: () => Promise.reject(new Error('no audit writes')),
    listKept: () => Promise.reject(new Error('no audit looks at what is kept')),
    restore: () => Promise.reject(new Error('no audit writes')),
  }
}

/** A digest that ends in this number, in hexadecimal. */
export function toDigest(n: number): Digest {
  return n.toString(16).padStart(64, '0')
}

export function toFacts(n: number, changes: Partial<Facts> = {}): Facts {
  return { size: n, digest: toDigest(n), modified: null, evidence: 'read', age: 0, ...changes }
}

/** Everything that an audit told. */
export interface Told {
  readonly manifests: readonly Manifest[]
  readonly summary: AuditSummary
}

/** A coordinator over these storages: server1, server2 and so on. */
export function coordinate(storages: readonly Storage[]) {
  const replicas = storages.map((storage, i) => ({ id: `server${i + 1}`, storage }))
  return createCoordinator(replicas, { createHasher })
}

/** The lines of an answer to `GET /audit`; throws when one is none. */
export async function readTold(response: Response): Promise<Told> {
  const manifests: Manifest[] = []
  let summary: AuditSummary | undefined
  const lines = (await response.text()).split('\n')
  for (const line of lines.slice(0, -1)) {
    const read = parseJson(auditLine, line)
    if (!read.success) throw new Error(read.wrong)
    const said = read.output
    if (summary !== undefined) throw new Error(`goes on after its summary: ${line}`)
    if ('name' in said) manifests.push(said)
    else if ('summary' in said) summary = said.summary
  }
  if (summary === undefined) throw new Error('there is no summary')
  return { manifests, summary }
}

/** Audits these storages, asking as `query` says: `?deep`. */
export async function audit(storages: readonly Storage[], query = ''): Promise<Told> {
  return await readTold(await coordinate(storages).request(`/audit${query}`))
}

/** What was told of each name: `a: match missing`. */
export function toRows({ manifests }: Told): string[] {
  return manifests.map(({ name, replicas }) => `${name}: ${replicas.map(({ state }) => state).join(' ')}`)
}

/** The storage, with a survey of its own: `change` sees every one begin, and gives its lines. */
export function withSurvey(
  storage: Storage,
  change: (survey: Survey, nth: number, signal: AbortSignal | undefined) => AsyncIterable<SurveyLine>,
): Storage {
  let surveys = 0
  return { ...storage, survey: (survey, options) => change(survey, ++surveys, options?.signal) }
}
