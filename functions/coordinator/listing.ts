import type { Context } from 'hono'
import { compareNames } from '../storage/names.ts'
import type { Entry, ListOptions, Page } from '../storage/storage.ts'
import { settle, toJson } from '../wire/app.ts'
import { toTimestamp } from '../wire/dates.ts'
import { parseLimit, toLimitRule } from '../wire/paging.ts'
import { createProblem } from '../wire/problems.ts'
import type { MergedListing } from '../wire/schemas.ts'
import { StorageError } from '../wire/trouble.ts'
import type { Member } from './gather.ts'
import { type Deadlines, withDeadline } from './silence.ts'

/** What one replica listed, or why it did not. */
interface Listed {
  readonly id: string
  readonly page: Page | StorageError
}

/**
 * `GET /files?prefix=&after=&limit=`: the names that any replica has, in byte order, with who lists each; sizes and times
 * as each replica has them, and no contents compared. A replica that does not answer is an `error` in `replicas`, and
 * what it lacks in the entries tells nothing.
 */
export async function answerMergedListing(
  c: Context,
  members: readonly Member[],
  deadlines: Deadlines,
): Promise<Response> {
  const { prefix, after, limit } = c.req.query()
  const size = parseLimit(limit)
  if (size === null) return createProblem('invalid-parameter', toLimitRule(limit))
  const listed = await Promise.all(
    members.map((member) => listOne(member, { prefix, after, limit: size }, deadlines)),
  )
  if (listed.every(({ page }) => page instanceof StorageError)) {
    return createProblem('too-few-answers', 'no replica answered')
  }
  const replicas = listed.map(({ id, page }) =>
    page instanceof StorageError
      ? ({ id, state: 'error', error: page.reason, detail: page.message } as const)
      : ({ id, state: 'ok' } as const),
  )
  return toJson({ ...merge(listed, size), replicas } satisfies MergedListing)
}

async function listOne({ id, storage }: Member, options: ListOptions, deadlines: Deadlines): Promise<Listed> {
  const page = await settle(withDeadline(deadlines, (signal) => storage.list({ ...options, signal })))
  return { id, page }
}

/** The first `size` names of all pages, up to where the first of those ends that goes on: further no name is sure. */
function merge(listed: readonly Listed[], size: number): Pick<MergedListing, 'entries' | 'next'> {
  const pages = listed.flatMap(({ id, page }) => (page instanceof StorageError ? [] : { id, page }))
  const ends = pages.flatMap(({ page }) => page.next ?? []).sort(compareNames)
  const copies = new Map<string, MergedListing['entries'][number]['copies']>()
  for (const { id, page } of pages) {
    for (const entry of page.entries) {
      copies.set(entry.name, [...(copies.get(entry.name) ?? []), toCopy(id, entry)])
    }
  }
  const sure = [...copies.keys()]
    .sort(compareNames)
    .filter((name) => ends[0] === undefined || compareNames(name, ends[0]) <= 0)
  const names = sure.slice(0, size)
  const isLast = names.length === sure.length && ends.length === 0
  const entries = names.map((name) => ({ name, copies: copies.get(name) ?? [] }))
  return { entries, next: isLast ? null : (names.at(-1) ?? null) }
}

function toCopy(id: string, { size, modified }: Entry) {
  return { id, size, modified: toTimestamp(modified) }
}
