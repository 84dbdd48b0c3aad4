import { Hono } from 'hono'
import { handle } from 'hono/aws-lambda'
import { createCoordinator } from '../../functions/coordinator/coordinator.ts'
import { readChunks, toChunks } from '../../functions/storage/streams.ts'
import { createProblem } from '../../functions/wire/problems.ts'
import { openTokens } from '../cli/doors.ts'
import type { Io } from '../cli/io.ts'
import { openReplicas } from '../cli/replicas.ts'
import { openServerLog } from '../cli/server-log.ts'
import { parseCoordinatorFlags } from '../node/configuration.ts'
import { createHasher } from '../node/hasher.ts'
import { Refusal } from '../node/refusal.ts'
import { MAX_ANSWER_BYTES } from './limits.ts'

/** What of the process a function is made of. */
export type LambdaIo = Pick<Io, 'stdin' | 'stdout' | 'stderr' | 'env'>

/** All that a function may write to. */
const SCRATCH = '/tmp'

/**
 * A coordinator as a function of AWS Lambda behind a function URL, read-only, over the replicas that the environment
 * names: `REPLICAS`, comma-separated, each as `--replica` takes it, but no directories. Clients send `VOUCH_TOKEN`, or
 * need no token where `OPEN` is `true`; replica servers get `VOUCH_REPLICA_TOKEN`. One replica alone is refused unless
 * `SINGLE` is `true`. Rejects with a Refusal when the environment is not valid.
 */
export async function createHandler(parts: LambdaIo): Promise<ReturnType<typeof handle>> {
  const plain: Io = { ...parts, cwd: SCRATCH }
  const log = openServerLog({ log: 'json' }, plain)
  const io = { ...plain, log }
  const { env } = io
  const words = (env['REPLICAS'] ?? '').split(',').map((word) => word.trim())
  const { replicas, require, timeouts } = parseCoordinatorFlags({
    replica: words.filter((word) => word !== ''),
    require: env['REQUIRE'],
    single: env['SINGLE'] === 'true',
  })
  const local = replicas.find(({ target }) => target.kind === 'directory')
  if (local) throw new Refusal(`REPLICAS names a directory as ${local.id}, and a function has none`)
  const tokens = openTokens({}, 'token-file', 'VOUCH_TOKEN', io)
  if (tokens === undefined && env['OPEN'] !== 'true') {
    throw new Refusal('anybody could ask this function: set VOUCH_TOKEN, or OPEN to "true" if that is meant')
  }
  const token = openTokens({}, 'replica-token-file', 'VOUCH_REPLICA_TOKEN', io)
  const opened = await openReplicas({ replicas, timeouts, token }, { index: `${SCRATCH}/vouch` }, io)
  const coordinator = createCoordinator(opened.replicas, {
    createHasher,
    require,
    deadlines: timeouts,
    log: log.request,
    isTraced: log.isTraced,
    ...(tokens && { isAllowed: ({ headers }) => tokens.allow(headers.get('Authorization')) }),
  })
  const app = new Hono()
  app.all('*', async (c) => {
    const { hostname } = new URL(c.req.url)
    // API Gateway decodes the path and cuts it at what was an encoded question mark: it asks for other files.
    if (!/\.lambda-url\./.test(hostname)) {
      return createProblem('malformed-request', 'this function is asked by its function URL alone')
    }
    try {
      return await toWhole(await coordinator.fetch(c.req.raw))
    } finally {
      // Lambda stops the process once it has the answer.
      await log.settle()
    }
  })
  // As text, bytes that are none would become others.
  return handle(app, { isContentTypeBinary: () => true })
}

/** An answer with its body in memory, which is how Lambda takes it; a problem where it is too large. Rejects when it breaks off. */
async function toWhole(response: Response): Promise<Response> {
  if (response.body === null) return response
  const chunks: Uint8Array<ArrayBuffer>[] = []
  let size = 0
  for await (const chunk of readChunks(toChunks(response.body))) {
    size += chunk.length
    if (size > MAX_ANSWER_BYTES) {
      return createProblem(
        'unreadable',
        `Lambda carries no answer of more than ${MAX_ANSWER_BYTES} bytes: ask for a Range of the file, or another coordinator`,
      )
    }
    chunks.push(new Uint8Array(chunk))
  }
  return new Response(new Blob(chunks), response)
}
