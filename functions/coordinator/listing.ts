import type { Context } from 'hono'
import { toJson } from '../http/answer.ts'
import { createProblem } from '../http/problems.ts'
import { compareNames } from '../storage/names.ts'
import type { ListOptions, Page } from '../storage/storage.ts'
import type { Select } from '../storage/survey/globs.ts'
import { toTimestamp } from '../wire/fields/dates.ts'
import { parseLimit } from '../wire/fields/query.ts'
import { toPassedMember } from '../wire/passed.ts'
import type { MergedListing } from '../wire/schemas/listings.ts'
import { StorageError } from '../wire/storage-error.ts'
import type { CoordinatorContext } from './context.ts'

/** A replica's page, or why it sent none. */
interface Listed {
  readonly id: string
  readonly page: Page | StorageError
}

/** What a merged listing needs of a coordinator. */
export type ListingContext = Pick<CoordinatorContext, 'members' | 'isIncluded'>

/**
 * `GET /files?prefix=&after=&limit=`: the names that any replica has, in byte order, with the replicas that
 * list each, and their sizes and times; contents are not compared. Names that the coordinator excludes are
 * left out, so a page may have no entry and yet a `next`. A replica that does not answer is an `error` in
 * `replicas`, and its absence from the entries of any page means nothing. What a replica has and cannot list
 * is its `passed`; two pages in a row may both count it.
 */
export async function answerMergedListing(c: Context, context: ListingContext): Promise<Response> {
  const { prefix, after, limit } = c.req.query()
  const size = parseLimit(limit)
  if (typeof size === 'string') return createProblem('invalid-parameter', size)
  const listing = await readMergedListing(context, { prefix, after, limit: size, signal: c.req.raw.signal })
  // Without an answer, a listing without entries does not mean an empty tree.
  if (listing.replicas.some(({ state }) => state === 'ok')) return toJson(listing)
  const reasons = listing.replicas.map(({ id, detail }) => `${id} (${detail})`)
  return createProblem('too-few-answers', `no replica answered: ${reasons.join(', ')}`)
}

/** Merges the listings of all members, up to `limit` names that the coordinator does not exclude. */
export async function readMergedListing(
  { members, isIncluded }: ListingContext,
  options: ListOptions & { readonly limit: number },
): Promise<MergedListing> {
  const asked = members.map(async (member) => ({ id: member.id, page: await member.list(options) }))
  const listed = await Promise.all(asked)
  return { ...merge(listed, options.limit, isIncluded), replicas: listed.map(toState) }
}

function toState({ id, page }: Listed): MergedListing['replicas'][number] {
  if (!(page instanceof StorageError))
    return { id, state: 'ok', ...(page.passed && { passed: toPassedMember(page.passed) }) }
  return { id, state: 'error', error: page.reason, detail: page.message }
}

/** The first `size` names, up to the earliest end of a page that has a next: later names are incomplete. */
function merge(
  listed: readonly Listed[],
  size: number,
  isIncluded: Select,
): Pick<MergedListing, 'entries' | 'next'> {
  const pages = listed.flatMap(({ id, page }) => (page instanceof StorageError ? [] : { id, page }))
  const [end = null] = pages.flatMap(({ page }) => page.next ?? []).sort(compareNames)
  const copies = new Map<string, MergedListing['entries'][number]['copies']>()
  for (const { id, page } of pages) {
    for (const { name, size, modified } of page.entries) {
      const copy = { id, size, modified: toTimestamp(modified) }
      copies.set(name, [...(copies.get(name) ?? []), copy])
    }
  }
  const names = [...copies.keys()].filter(isIncluded).sort(compareNames)
  const sure = end === null ? names : names.filter((name) => compareNames(name, end) <= 0)
  const entries = sure.slice(0, size).map((name) => ({ name, copies: copies.get(name) ?? [] }))
  return { entries, next: sure.length > size ? (entries.at(-1)?.name ?? null) : end }
}
