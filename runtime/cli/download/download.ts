import { setTimeout } from 'node:timers/promises'
import type { Reply } from '../../../functions/storage/remote/replies.ts'
import type { Digest } from '../../../functions/wire/digest.ts'
import { parseReprDigest, toEtag } from '../../../functions/wire/fields/fields.ts'
import { parseContentRange } from '../../../functions/wire/fields/ranges.ts'
import type { Io } from '../../hosting/io.ts'
import { UserError } from '../../node/user-error.ts'
import {
  type Announced,
  Broken,
  type CoordinatorClient,
  catchBroken,
  readAnnounced,
} from '../client/coordinator-client.ts'
import { createProgress, type Progress, type StartProgress } from '../terminal/progress.ts'

/** Receives the bytes of one content. The caller ends it by `keep`, `discard`, or a method of its type. */
export interface Sink {
  /** Bytes that it holds: where a download resumes. */
  readonly offset: number
  write(chunk: Uint8Array): Promise<void>
  /** Of all bytes that it holds; called once. */
  digest(): Digest
  /** Closes it, and keeps its bytes for a later run. */
  keep(): Promise<void>
  /** Drops its bytes; throws a UserError with the reason `why` when they were passed on already. */
  discard(why: string): Promise<void>
}

/** A content to download, and where to. */
interface Wanted<S extends Sink> {
  readonly ask: CoordinatorClient
  /** Path and query. */
  readonly path: string
  /** The only digest that is accepted; any when absent. */
  readonly digest?: Digest | undefined
  /** Opens the sink of the announced content, which may hold its beginning from an earlier run. */
  readonly openSink: (announced: Announced) => Promise<S>
  /** A content that the caller has: when it is still current, the response is a 304 without a body. */
  readonly have?: Digest | null | undefined
  /** The response to the request for the whole, if that was sent. */
  readonly first?: Reply | undefined
  /** Draws the progress; a bar of its own when absent. */
  readonly startProgress?: StartProgress | undefined
}

/** A complete content with the announced digest, or the response that was not a content. */
type Downloaded<S extends Sink> =
  | { readonly announced: Announced; readonly sink: S }
  | { readonly refused: Reply }

/** Requests for one download in all. */
const MAX_TRIES = 5
/** The wait before the second try; each further wait is twice as long. */
const FIRST_DELAY_MS = 500

/**
 * Downloads one content. A transfer that breaks off is resumed (RFC 9110 §14.2 with `If-Range`, §13.1.5),
 * or restarted when the content has changed. Bytes that contradict their digest are dropped and requested
 * once more. Throws a UserError when that fails too, or after `MAX_TRIES` tries, and then keeps what it has.
 */
export async function download<S extends Sink>(wanted: Wanted<S>, io: Io): Promise<Downloaded<S>> {
  const wait = createPatience(io)
  const fields = wanted.have ? { 'If-None-Match': toEtag(wanted.have) } : {}
  let response = wanted.first ?? (await wanted.ask(wanted.path, { fields }))
  for (let contradicted = false; ; ) {
    if (response.status !== 200) return { refused: response }
    const { announced, sink } = await openWanted(response, wanted)
    const other = await fill(sink, { announced, response, wanted, io, wait }).catch(async (error) => {
      await sink.keep()
      throw error
    })
    if (other === null && sink.digest() === announced.digest) return { announced, sink }

    await sink.discard(other ? 'the file changed while it was received' : CONTRADICTED)
    if (other === null && contradicted) throw new UserError(CONTRADICTED, 'integrity-failure')
    contradicted ||= other === null
    response = other ?? (await wanted.ask(wanted.path))
  }
}

/** The message about bytes that contradict the announced digest. */
export const CONTRADICTED =
  "the bytes received contradict the announced digest; 'vouch check --deep' finds corrupt copies"

/** What a 200 announces; cancels it and throws a UserError for another response, or another digest. */
export async function readWanted(response: Reply, digest: Digest | undefined): Promise<Announced> {
  return await cancelOnError(response, async () => parseWanted(response, digest))
}

/** The same, and the sink for it; cancels the response when that cannot be opened. */
async function openWanted<S extends Sink>(response: Reply, { digest, openSink }: Wanted<S>) {
  return await cancelOnError(response, async () => {
    const announced = parseWanted(response, digest)
    return { announced, sink: await openSink(announced) }
  })
}

function parseWanted(response: Reply, digest: Digest | undefined): Announced {
  const announced = readAnnounced(response)
  if (digest === undefined || announced.digest === digest) return announced
  throw new UserError(
    'the coordinator answered with another version than the one requested; name the coordinator directly, not a cache',
  )
}

async function cancelOnError<T>({ body }: Reply, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    await body?.cancel()
    throw error
  }
}

interface Transfer {
  readonly announced: Announced
  /** The response that announced it, its body unread. */
  readonly response: Reply
  readonly wanted: Wanted<Sink>
  readonly io: Io
  readonly wait: (error: Broken) => Promise<void>
}

/** Receives the rest of `sink`. Resolves with null once complete, or with a response that is no part. */
async function fill(
  sink: Sink,
  { announced, response: first, wanted, io, wait }: Transfer,
): Promise<Reply | null> {
  const { startProgress = (span) => createProgress(io.stderr, span) } = wanted
  const progress = startProgress({ total: announced.size, start: sink.offset })
  let response: Reply | null = first
  try {
    if (sink.offset > 0 || announced.size === 0) response = await drop(first)
    while (sink.offset < announced.size) {
      try {
        response ??= await askRest(sink.offset, announced, wanted)
        if (response !== first && response.status !== 206) return response
        await pour(response, sink, announced.size, progress)
        if (sink.offset < announced.size) throw new Broken('the transfer broke off early')
      } catch (error) {
        io.signal?.throwIfAborted()
        if (!(error instanceof Broken)) throw error
        await wait(error)
      }
      response = null
    }
    return null
  } finally {
    progress.clear()
  }
}

async function drop(response: Reply): Promise<null> {
  await response.body?.cancel()
  return null
}

/** The response to a request for the rest: a 206 with it, or any other response to report. */
async function askRest(offset: number, announced: Announced, { ask, path }: Wanted<Sink>): Promise<Reply> {
  const rest = { Range: `bytes=${offset}-`, 'If-Range': announced.etag }
  const response = await ask(path, offset > 0 ? { fields: rest } : {})
  const { status, headers } = response
  // The trouble of a server may pass, and a part of the file is here already.
  if (status === 429 || status >= 500) {
    await drop(response)
    throw new Broken(`the coordinator answered ${status}`)
  }
  if (status !== 206) return response
  const part = parseContentRange(headers.get('Content-Range') ?? '')
  const digest = parseReprDigest(headers.get('Repr-Digest') ?? '')
  if (part?.offset === offset && part.size === announced.size && digest === announced.digest) return response
  await drop(response)
  throw new Broken('the coordinator answered with another part of the file')
}

async function pour({ body }: Reply, sink: Sink, size: number, progress: Progress): Promise<void> {
  if (body === null) return
  const chunks = catchBroken(body)
  try {
    for (let next = await chunks.next(); !next.done; next = await chunks.next()) {
      if (sink.offset + next.value.length > size) throw new Broken('the transfer is longer than announced')
      await sink.write(next.value)
      progress.update(sink.offset)
    }
  } finally {
    // Does nothing after the end or an error.
    chunks.cancel().catch(() => {})
  }
}

/** Waits longer after each try, and throws after the last. */
function createPatience(io: Io): (error: Broken) => Promise<void> {
  const delay = io.delay ?? ((ms) => setTimeout(ms, undefined, io.signal ? { signal: io.signal } : {}))
  let tries = 1
  return async (error) => {
    if (tries === MAX_TRIES)
      throw new UserError(
        `${error.message}; gave up after ${MAX_TRIES} tries; run it again to resume`,
        'unreachable',
      )
    await delay(FIRST_DELAY_MS * 2 ** (tries++ - 1))
  }
}
