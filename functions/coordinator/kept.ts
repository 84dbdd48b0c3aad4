import type { Context } from 'hono'
import * as v from 'valibot'
import { toJson } from '../http/answer.ts'
import type { AppEnv } from '../http/app.ts'
import { createProblem, toProblem } from '../http/problems.ts'
import { readJsonBody } from '../http/request-body.ts'
import { readKept } from '../storage/kept.ts'
import { toRestored } from '../storage/remote/wire-lines.ts'
import type { Written } from '../storage/storage.ts'
import { requireWritable } from '../storage/writable.ts'
import { toTimestamp } from '../wire/fields/dates.ts'
import { parseLimit } from '../wire/fields/query.ts'
import { MAX_RESTORE_BYTES } from '../wire/limits.ts'
import { type KeptListing, restoreRequest } from '../wire/schemas/replica.ts'
import { replicaId } from '../wire/schemas/values.ts'
import { StorageError, settle } from '../wire/storage-error.ts'
import { withDeadline } from './ask/deadlines.ts'
import type { CoordinatorContext } from './context.ts'
import { toReplicaRule } from './parameters.ts'

/** `GET /kept?replica=&name=&after=&limit=`: a page of the replaced contents that one replica keeps. */
export async function answerKept(
  c: Context<AppEnv>,
  { members, deadlines }: CoordinatorContext,
): Promise<Response> {
  const { replica: id = '', name, after, limit } = c.req.query()
  const replica = members.find((one) => one.id === id)
  const ids = members.map(({ id }) => id)
  if (replica === undefined) return createProblem('invalid-parameter', toReplicaRule(ids, id))
  const size = parseLimit(limit)
  if (typeof size === 'string') return createProblem('invalid-parameter', size)
  const page = await settle(
    withDeadline(deadlines, (expired) => {
      const signal = AbortSignal.any([expired, c.req.raw.signal])
      return readKept(replica.storage, { name, after, limit: size, signal })
    }),
  )
  if (page instanceof StorageError) return toProblem(page)
  const entries = page.entries.map((entry) => ({ ...entry, kept: toTimestamp(entry.kept) }))
  return toJson({ entries, next: page.next } satisfies KeptListing)
}

/** Body of `POST /restore` on a coordinator: as on a replica, plus the replica's id. */
export const restoreOnRequest = v.object({ replica: replicaId, ...restoreRequest.entries })

export type RestoreOnRequest = v.InferOutput<typeof restoreOnRequest>

/** `POST /restore`: a replica restores a kept content. JSON only, which other sites' forms cannot send. */
export async function takeRestore(c: Context<AppEnv>, context: CoordinatorContext): Promise<Response> {
  if (!context.isWritable) return createProblem('read-only', 'this coordinator was not opened for writing')
  const asked = await readJsonBody(c, restoreOnRequest, {
    limit: MAX_RESTORE_BYTES,
    takes: '{"replica": …, "name": …, "digest": a SHA-256 in hex, "replaces": a SHA-256 in hex or null}',
  })
  if (asked instanceof Response) return asked
  const facts = await restoreOn(context, asked, c.req.raw.signal)
  if (facts instanceof Response) return facts
  return facts instanceof StorageError ? toProblem(facts) : toJson(toRestored(asked.name, facts))
}

/**
 * Has a replica restore a kept content, until `left` aborts. Resolves with the facts of the file, with the
 * replica's error, or with a problem when there is no such replica.
 */
export async function restoreOn(
  { members, deadlines }: Pick<CoordinatorContext, 'members' | 'deadlines'>,
  { replica: id, name, digest, replaces }: RestoreOnRequest,
  left: AbortSignal,
): Promise<Written | StorageError | Response> {
  const replica = members.find((member) => member.id === id)
  const ids = members.map(({ id }) => id)
  if (replica === undefined) return createProblem('invalid-body', toReplicaRule(ids, id))
  // A replica sends no sign of life while it copies, and may copy for as long as it may hash.
  const patience = { ...deadlines, silence: deadlines.answer }
  return await settle(
    withDeadline(patience, async (expired) => {
      const signal = AbortSignal.any([expired, left])
      return await requireWritable(replica.storage).restore(name, { digest, replaces, signal })
    }),
  )
}
