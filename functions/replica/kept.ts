import type { Context } from 'hono'
import { readJsonBody } from '../storage/json-body.ts'
import type { Storage } from '../storage/storage.ts'
import { toRestored } from '../storage/wire-lines.ts'
import { type AppEnv, settle, toJson } from '../wire/app.ts'
import { toTimestamp } from '../wire/dates.ts'
import { MAX_RESTORE_BYTES } from '../wire/limits.ts'
import { parseLimit, toLimitRule } from '../wire/paging.ts'
import { createProblem, toProblem } from '../wire/problems.ts'
import { type KeptListing, restoreRequest } from '../wire/schemas.ts'
import { StorageError } from '../wire/trouble.ts'

/** `GET /kept?name=&after=&limit=`: a page of the contents that were replaced. */
export async function answerKept(storage: Storage, c: Context): Promise<Response> {
  const { name, after, limit } = c.req.query()
  const size = parseLimit(limit)
  if (size === null) return createProblem('invalid-parameter', toLimitRule(limit))
  const page = await settle(storage.listKept({ name, after, limit: size, signal: c.req.raw.signal }))
  if (page instanceof StorageError) return toProblem(page)
  const entries = page.entries.map((entry) => ({ ...entry, kept: toTimestamp(entry.kept) }))
  return toJson({ entries, next: page.next } satisfies KeptListing)
}

/**
 * `POST /restore`: puts a kept content back, and answers with the facts of the file that is there then. It takes JSON
 * alone, which no form of a page elsewhere can send unasked.
 */
export async function takeRestore(
  storage: Storage,
  c: Context<AppEnv>,
  isWritable: boolean,
): Promise<Response> {
  if (!isWritable) return createProblem('read-only', 'this replica was not opened for writing')
  const asked = await readJsonBody(c, restoreRequest, {
    limit: MAX_RESTORE_BYTES,
    takes: '{"name": …, "digest": a SHA-256 in hex, "replaces": a SHA-256 in hex or null}',
  })
  if (asked instanceof Response) return asked
  const { name, digest, replaces } = asked
  const facts = await settle(storage.restore(name, { digest, replaces, signal: c.req.raw.signal }))
  return facts instanceof StorageError ? toProblem(facts) : toJson(toRestored(name, facts))
}
