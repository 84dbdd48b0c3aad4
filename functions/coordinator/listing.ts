import type { Context } from 'hono'
import { compareNames } from '../storage/names.ts'
import type { Entry, ListOptions, Page } from '../storage/storage.ts'
import { toJson } from '../wire/app.ts'
import { toTimestamp } from '../wire/dates.ts'
import { parseLimit, toLimitRule } from '../wire/paging.ts'
import { toPassedMember } from '../wire/passed.ts'
import { createProblem } from '../wire/problems.ts'
import type { MergedListing } from '../wire/schemas.ts'
import { StorageError } from '../wire/trouble.ts'
import type { Member } from './gather.ts'

/** What one replica listed, or why it did not. */
interface Listed {
  readonly id: string
  readonly page: Page | StorageError
}

/**
 * `GET /files?prefix=&after=&limit=`: the names that any replica has, in byte order, with who lists each; sizes and times
 * as each replica has them, and no contents compared. A replica that does not answer is an `error` in `replicas`, and
 * what it lacks in the entries tells nothing: neither here nor on the pages before and after, where it may have answered.
 * What a replica has and cannot list is its `passed`; of two pages that follow one another both may count it.
 */
export async function answerMergedListing(c: Context, members: readonly Member[]): Promise<Response> {
  const { prefix, after, limit } = c.req.query()
  const size = parseLimit(limit)
  if (size === null) return createProblem('invalid-parameter', toLimitRule(limit))
  const listing = await readMergedListing(members, { prefix, after, limit: size, signal: c.req.raw.signal })
  return isHeard(listing) ? toJson(listing) : refuse(listing)
}

/** What all members list together, of which at most `limit` names. */
export async function readMergedListing(
  members: readonly Member[],
  options: ListOptions & { readonly limit: number },
): Promise<MergedListing> {
  const asked = members.map(async (member) => ({ id: member.id, page: await member.list(options) }))
  const listed = await Promise.all(asked)
  return { ...merge(listed, options.limit), replicas: listed.map(toState) }
}

/** Whether anybody listed anything: otherwise no entries are no sign of an empty tree. */
export function isHeard({ replicas }: MergedListing): boolean {
  return replicas.some(({ state }) => state === 'ok')
}

function refuse({ replicas }: MergedListing): Response {
  const reasons = replicas.map(({ id, detail }) => `${id} (${detail})`)
  return createProblem('too-few-answers', `no replica answered: ${reasons.join(', ')}`)
}

function toState({ id, page }: Listed): MergedListing['replicas'][number] {
  if (!(page instanceof StorageError))
    return { id, state: 'ok', ...(page.passed && { passed: toPassedMember(page.passed) }) }
  return { id, state: 'error', error: page.reason, detail: page.message }
}

/** The first `size` names of all pages, up to where the first of those ends that goes on: further no name is sure. */
function merge(listed: readonly Listed[], size: number): Pick<MergedListing, 'entries' | 'next'> {
  const pages = listed.flatMap(({ id, page }) => (page instanceof StorageError ? [] : { id, page }))
  const [end = null] = pages.flatMap(({ page }) => page.next ?? []).sort(compareNames)
  const copies = new Map<string, MergedListing['entries'][number]['copies']>()
  for (const { id, page } of pages) {
    for (const entry of page.entries) {
      copies.set(entry.name, [...(copies.get(entry.name) ?? []), toCopy(id, entry)])
    }
  }
  const names = [...copies.keys()].sort(compareNames)
  const sure = end === null ? names : names.filter((name) => compareNames(name, end) <= 0)
  const entries = sure.slice(0, size).map((name) => ({ name, copies: copies.get(name) ?? [] }))
  return { entries, next: sure.length > size ? (entries.at(-1)?.name ?? null) : end }
}

function toCopy(id: string, { size, modified }: Entry) {
  return { id, size, modified: toTimestamp(modified) }
}
