import { Hono } from 'hono'
import { handle } from 'hono/aws-lambda'
import { readChunks, toChunks } from '../../functions/bytes/chunks.ts'
import { createCoordinator } from '../../functions/coordinator/coordinator.ts'
import { createProblem } from '../../functions/http/problems.ts'
import { openTokens } from '../hosting/access.ts'
import { fromVariables, readFlags } from '../hosting/flag.ts'
import { ACCESS_FLAGS, REPLICAS_FLAGS, requireReplicas } from '../hosting/flags.ts'
import type { Io } from '../hosting/io.ts'
import { openReplicas } from '../hosting/open-replicas.ts'
import { openServerLog } from '../hosting/server/server-log.ts'
import { createHasher } from '../node/hasher.ts'
import { UserError } from '../node/user-error.ts'
import { MAX_ANSWER_BYTES } from './limits.ts'

type LambdaIo = Pick<Io, 'stdin' | 'stdout' | 'stderr' | 'env'>

const { replica, single, require, replicaTokenFile } = REPLICAS_FLAGS
const { open, tokenFile } = ACCESS_FLAGS
const FLAGS = { replica, single, require, replicaTokenFile, open, tokenFile }

/** The only directory that a function may write to. */
const SCRATCH = '/tmp'

/**
 * A coordinator as a function of AWS Lambda behind a function URL, read-only, over the replicas in
 * `REPLICAS`, comma-separated, each as `--replica` takes it, but no directory. Clients send
 * `VOUCH_ACCEPTED_TOKEN`, or no token where `OPEN` is `true`; replica servers are sent `VOUCH_REPLICA_TOKEN`.
 * `REQUIRE` and `SINGLE` are as the flags. Rejects with a UserError, which names the variable, when the
 * environment is not valid.
 */
export async function createHandler(parts: LambdaIo): Promise<ReturnType<typeof handle>> {
  const plain: Io = { ...parts, cwd: SCRATCH }
  const log = openServerLog({ log: 'json' }, plain)
  const io = { ...plain, log }
  const given = fromVariables(FLAGS, io.env)
  const options = readFlags(FLAGS, given)
  const replicas = requireReplicas(options, given.label)
  const local = replicas.find(({ target }) => target.kind === 'directory')
  if (local)
    throw new UserError(
      `REPLICAS names a directory as ${local.id}, and a function has none; name a server or a bucket`,
    )
  const tokens = openTokens(options.tokenFile, io)
  if (tokens === undefined && !options.open) {
    throw new UserError(
      'anyone could ask this function: set VOUCH_ACCEPTED_TOKEN, or set OPEN to true to allow it',
    )
  }
  const token = openTokens(options.replicaTokenFile, io)
  const opened = await openReplicas({ replicas, token, index: `${SCRATCH}/vouch`, label: given.label }, io)
  const coordinator = createCoordinator(opened.replicas, {
    createHasher,
    require: options.require,
    log: log.request,
    isTraced: log.isTraced,
    ...(tokens && { isAllowed: ({ headers }) => tokens.allow(headers.get('Authorization')) }),
  })
  const app = new Hono()
  app.all('*', async (c) => {
    const { hostname } = new URL(c.req.url)
    // API Gateway decodes the path and cuts it at an encoded question mark, so it would ask for other files.
    if (!/\.lambda-url\./.test(hostname)) {
      return createProblem(
        'malformed-request',
        `this function answers only at its function URL, not at ${hostname}`,
      )
    }
    try {
      return await toWhole(await coordinator.fetch(c.req.raw))
    } finally {
      // Lambda freezes the process once it has the response.
      await log.settle()
    }
  })
  // As text, bytes that are not UTF-8 would change.
  return handle(app, { isContentTypeBinary: () => true })
}

/** Reads the body into memory, as Lambda requires; a problem if it is too large. Rejects if it breaks off. */
async function toWhole(response: Response): Promise<Response> {
  if (response.body === null) return response
  const chunks: Uint8Array<ArrayBuffer>[] = []
  let size = 0
  for await (const chunk of readChunks(toChunks(response.body))) {
    size += chunk.length
    if (size > MAX_ANSWER_BYTES) {
      return createProblem(
        'unreadable',
        `Lambda cannot send a response of more than ${MAX_ANSWER_BYTES} bytes; request a Range of the file, or ask another coordinator`,
      )
    }
    chunks.push(new Uint8Array(chunk))
  }
  return new Response(new Blob(chunks), response)
}
