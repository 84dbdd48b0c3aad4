import type { Context } from 'hono'
import * as v from 'valibot'
import { readJsonBody } from '../storage/json-body.ts'
import { toRestored } from '../storage/wire-lines.ts'
import { type AppEnv, settle, toJson } from '../wire/app.ts'
import { toTimestamp } from '../wire/dates.ts'
import { MAX_RESTORE_BYTES } from '../wire/limits.ts'
import { parseLimit, toLimitRule } from '../wire/paging.ts'
import { createProblem, toProblem } from '../wire/problems.ts'
import { type KeptListing, replicaId, restoreRequest } from '../wire/schemas.ts'
import { StorageError } from '../wire/trouble.ts'
import type { Replica } from './gather.ts'
import { type Deadlines, withDeadline } from './silence.ts'

/** `GET /kept?replica=&name=&after=&limit=`: a page of what one replica keeps of what was replaced there. */
export async function answerKept(
  c: Context,
  replicas: readonly Replica[],
  deadlines: Deadlines,
): Promise<Response> {
  const { replica: id = '', name, after, limit } = c.req.query()
  const replica = replicas.find((one) => one.id === id)
  if (replica === undefined) return createProblem('invalid-parameter', toReplicaRule(replicas, id))
  const size = parseLimit(limit)
  if (size === null) return createProblem('invalid-parameter', toLimitRule(limit))
  const page = await settle(
    withDeadline(deadlines, (expired) => {
      const signal = AbortSignal.any([expired, c.req.raw.signal])
      return replica.storage.listKept({ name, after, limit: size, signal })
    }),
  )
  if (page instanceof StorageError) return toProblem(page)
  const entries = page.entries.map((entry) => ({ ...entry, kept: toTimestamp(entry.kept) }))
  return toJson({ entries, next: page.next } satisfies KeptListing)
}

/** Body of `POST /restore` on a coordinator: that of a replica, and which replica. */
export const restoreOnRequest = v.object({ replica: replicaId, ...restoreRequest.entries })

/**
 * `POST /restore`: has one replica put a kept content back, and answers with the facts of the file that is there then.
 * It takes JSON alone, which no form of a page elsewhere can send unasked.
 */
export async function takeRestore(
  c: Context<AppEnv>,
  replicas: readonly Replica[],
  { deadlines, isWritable }: { readonly deadlines: Deadlines; readonly isWritable: boolean },
): Promise<Response> {
  if (!isWritable) return createProblem('read-only', 'this coordinator was not opened for writing')
  const asked = await readJsonBody(c, restoreOnRequest, {
    limit: MAX_RESTORE_BYTES,
    takes: '{"replica": …, "name": …, "digest": a SHA-256 in hex, "replaces": a SHA-256 in hex or null}',
  })
  if (asked instanceof Response) return asked
  const { name, digest, replaces } = asked
  const replica = replicas.find(({ id }) => id === asked.replica)
  if (replica === undefined) return createProblem('invalid-body', toReplicaRule(replicas, asked.replica))
  // A replica gives no sign of life while it copies, and may copy for as long as it may hash.
  const patience = { ...deadlines, silence: deadlines.answer }
  const facts = await settle(
    withDeadline(patience, (expired) => {
      const signal = AbortSignal.any([expired, c.req.raw.signal])
      return replica.storage.restore(name, { digest, replaces, signal })
    }),
  )
  return facts instanceof StorageError ? toProblem(facts) : toJson(toRestored(name, facts))
}

function toReplicaRule(replicas: readonly Replica[], got: string): string {
  return `replica takes one of ${replicas.map(({ id }) => id).join(', ')}, got '${got}'`
}
