import type { Context } from 'hono'
import { toJson } from '../http/answer.ts'
import type { AppEnv } from '../http/app.ts'
import { createProblem, toProblem } from '../http/problems.ts'
import { readJsonBody } from '../http/request-body.ts'
import { readKept } from '../storage/kept.ts'
import { toRestored } from '../storage/remote/wire-lines.ts'
import type { Storage } from '../storage/storage.ts'
import { requireWritable } from '../storage/writable.ts'
import { toTimestamp } from '../wire/fields/dates.ts'
import { parseLimit } from '../wire/fields/query.ts'
import { MAX_RESTORE_BYTES } from '../wire/limits.ts'
import { type KeptListing, restoreRequest } from '../wire/schemas/replica.ts'
import { StorageError, settle } from '../wire/storage-error.ts'

/** `GET /kept?name=&after=&limit=`: a page of the replaced contents that are kept. */
export async function answerKept(storage: Storage, c: Context): Promise<Response> {
  const { name, after, limit } = c.req.query()
  const size = parseLimit(limit)
  if (typeof size === 'string') return createProblem('invalid-parameter', size)
  const page = await settle(readKept(storage, { name, after, limit: size, signal: c.req.raw.signal }))
  if (page instanceof StorageError) return toProblem(page)
  const entries = page.entries.map((entry) => ({ ...entry, kept: toTimestamp(entry.kept) }))
  return toJson({ entries, next: page.next } satisfies KeptListing)
}

/** `POST /restore`: restores a kept content. JSON only, which a form of another site cannot send. */
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
  const facts = await settle(
    (async () => requireWritable(storage).restore(name, { digest, replaces, signal: c.req.raw.signal }))(),
  )
  return facts instanceof StorageError ? toProblem(facts) : toJson(toRestored(name, facts))
}
