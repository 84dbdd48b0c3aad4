import type { Context } from 'hono'
import { createAnswer } from '../http/answer.ts'
import type { AppEnv } from '../http/app.ts'
import { createProblem, toProblem } from '../http/problems.ts'
import { readJsonBody } from '../http/request-body.ts'
import type { Storage } from '../storage/storage.ts'
import { moveFile } from '../storage/writable.ts'
import { MAX_MOVE_BYTES } from '../wire/limits.ts'
import { moveRequest } from '../wire/schemas/replica.ts'
import { StorageError, settle } from '../wire/storage-error.ts'

/**
 * `POST /move`: gives a file another name, 204. Not WebDAV's MOVE, which OpenAPI 3.1 cannot describe and some
 * proxies refuse. JSON only, which a form of another site cannot send.
 */
export async function takeMove(storage: Storage, c: Context<AppEnv>, isWritable: boolean): Promise<Response> {
  if (!isWritable) return createProblem('read-only', 'this replica was not opened for writing')
  const asked = await readJsonBody(c, moveRequest, {
    limit: MAX_MOVE_BYTES,
    takes: '{"from": …, "to": …, "digest": a SHA-256 in hex}, and modes, numbers from 0 to 511, or none',
  })
  if (asked instanceof Response) return asked
  const { from, to, ...options } = asked
  const failed = await settle(moveFile(storage, from, to, { ...options, signal: c.req.raw.signal }))
  return failed instanceof StorageError ? toProblem(failed) : createAnswer(204, {}, null)
}
