import { compareNames } from '../../storage/names.ts'
import { createSelect } from '../../storage/survey/globs.ts'
import { MAX_NEW_EXAMPLES } from '../../wire/limits.ts'
import type { Changes } from '../../wire/schemas/audit.ts'
import type { Run } from '../../wire/schemas/ledger.ts'
import type { Manifest } from '../../wire/schemas/manifest.ts'
import type { CorruptCopy } from '../compare/corrupt-copies.ts'
import {
  fromFindingText,
  isPartial,
  type KeptTree,
  type Ledger,
  type Scope,
  toFindingText,
  type Verification,
} from './ledger.ts'

interface Audit extends Scope {
  readonly began: number
  readonly run: Run
}

interface Known {
  readonly first: number
  readonly last: number
  readonly since: number
  readonly found: string
}

/** A ledger in memory: what the one on a disk is held against. */
export function createMemoryLedger(): Ledger {
  const audits: Audit[] = []
  const trees: KeptTree[] = []
  const known = new Map<string, Known>()
  const changes = new Map<string, { readonly at: number; readonly found: string | null }[]>()
  const restore = (name: string, found: string | null) =>
    found === null ? null : fromFindingText(name, found)

  function addChange(name: string, at: number, found: string | null): void {
    changes.set(name, [...(changes.get(name) ?? []), { at, found }])
  }

  function noteOne(audit: number, manifest: Manifest): void {
    const { name } = manifest
    const [before, at] = [known.get(name), find(audit).began]
    const found = toFindingText(manifest, before?.found)
    const isSame = before !== undefined && (before.found === found || isPartial(manifest))
    if (!isSame) addChange(name, at, found)
    known.set(name, {
      first: before?.first ?? audit,
      last: audit,
      since: before?.since ?? at,
      found: isSame ? before.found : found,
    })
  }

  function find(audit: number): Audit {
    const found = audits[audit - 1]
    if (found === undefined) throw new Error(`the ledger has no audit ${audit}`)
    return found
  }

  const isIn = ({ prefix, after = '', ...globs }: Scope, name: string, until?: string) =>
    name.startsWith(prefix) &&
    createSelect(globs)(name) &&
    compareNames(name, after) > 0 &&
    (until === undefined || compareNames(name, until) <= 0)
  const toScope = ({ prefix, match, exclude, after = '' }: Scope) =>
    JSON.stringify([prefix, match, exclude, after])
  const ALL = toScope({ prefix: '', match: [], exclude: [] })
  const isWhole = (one: Audit, scope: string) =>
    one.run.ended !== null && one.run.summary?.next === undefined && toScope(one) === scope
  let verification: Verification | null = null
  let lastVerified: number | null = null
  const corrupt = new Map<string, CorruptCopy>()

  return {
    async begin({ prefix, match, exclude, after = '', isVerification }, began) {
      const scope = { prefix, match: [...match], exclude: [...exclude], after }
      return audits.push({
        ...scope,
        isVerification,
        began,
        run: { ...scope, began: toText(began), ended: null, summary: null },
      })
    },
    async note(audit, manifests) {
      for (const manifest of manifests) noteOne(audit, manifest)
    },
    async end(audit, ended, summary) {
      const own = find(audit)
      const isAll = summary.replicas.every(({ state }) => state === 'ok')
      const settled = [...known].filter(
        ([name, { last }]) => isAll && last < audit && isIn(own, name, summary.next),
      )
      for (const [name] of settled) {
        known.delete(name)
        addChange(name, own.began, null)
      }
      const earlier = audits
        .slice(0, audit - 1)
        .findLast((one) => isWhole(one, ALL) || isWhole(one, toScope(own)))
      const names = [...known]
        .flatMap(([name, { first }]) => (first === audit ? name : []))
        .sort(compareNames)
      const changes: Changes | undefined =
        earlier?.run.ended && earlier.run.summary
          ? {
              ...{ since: earlier.run.ended, was: earlier.run.summary.agreement },
              ...{ new: names.length, examples: names.slice(0, MAX_NEW_EXAMPLES), settled: settled.length },
            }
          : undefined
      const run = { ...own.run, ended: toText(ended), summary: { ...summary, ...(changes && { changes }) } }
      audits[audit - 1] = { ...own, run }
      return changes
    },
    corrupt: async () => [...corrupt.values()],
    async noteCorrupt(copy) {
      corrupt.set(toCopyKey(copy), copy)
    },
    async noteMended(copy) {
      corrupt.delete(toCopyKey(copy))
    },
    verification: async () => verification,
    async noteVerification(now) {
      verification = now
      lastVerified = now.ended ?? lastVerified
    },
    lastVerified: async () => lastVerified,
    async status() {
      const manifests = [...known].map(([name, { found }]) => fromFindingText(name, found))
      const last = audits.findLast((one) => isWhole(one, ALL))?.run ?? null
      const newest = audits.findLast(({ isVerification }) => !isVerification)?.run
      const ids = [...new Set(manifests.flatMap(({ replicas }) => replicas.map(({ id }) => id)))]
      const count = (texts: readonly string[]) =>
        Object.fromEntries([...Map.groupBy(texts, (text) => text)].map(([text, all]) => [text, all.length]))
      const statesOf = (wanted: string) =>
        manifests.flatMap(({ replicas }) => replicas.flatMap(({ id, state }) => (id === wanted ? state : [])))
      return {
        last,
        unended: newest?.ended === null ? newest : null,
        verification: verification && {
          ...{ began: toText(verification.began), after: verification.after },
          ended: verification.ended === null ? null : toText(verification.ended),
        },
        differing: count(manifests.map(({ agreement }) => agreement)),
        replicas: ids.map((id) => ({ id, states: count(statesOf(id)) })),
      }
    },
    async find(name) {
      return restore(name, known.get(name)?.found ?? null)
    },
    async audits(limit) {
      const whole = audits.filter((one) => isWhole(one, ALL)).map(({ run }) => run)
      return whole.reverse().slice(0, limit)
    },
    count: async (folders) =>
      folders.map((folder) => [...known.keys()].filter((name) => name.startsWith(folder)).length),
    async list({ folder = '', after, limit }) {
      const names = [...known.keys()]
        .filter((name) => name.startsWith(folder) && compareNames(name, after) > 0)
        .sort(compareNames)
      const entries = names.slice(0, limit).flatMap((name) => {
        const one = known.get(name)
        return one === undefined ? [] : { ...fromFindingText(name, one.found), since: toText(one.since) }
      })
      return { entries, next: names.length > limit ? (entries.at(-1)?.name ?? null) : null }
    },
    async history(name) {
      const first = audits.find((one) => one.run.ended !== null && isIn(one, name, one.run.summary?.next))
      return {
        name,
        watched: first?.run.began ?? null,
        changes: (changes.get(name) ?? []).map(({ at, found }) => ({
          at: toText(at),
          found: restore(name, found),
        })),
      }
    },
    noteTree: async (tree) => void trees.unshift(tree),
    trees: async (limit) => trees.slice(0, limit),
  }
}

function toText(ms: number): string {
  return new Date(ms).toISOString()
}

function toCopyKey({ id, name, digest }: CorruptCopy): string {
  return `${id} ${digest} ${name}`
}
