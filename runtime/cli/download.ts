import { setTimeout } from 'node:timers/promises'
import type { Digest } from '../../functions/wire/digest.ts'
import { parseReprDigest } from '../../functions/wire/fields.ts'
import { parseContentRange } from '../../functions/wire/ranges.ts'
import { Refusal } from '../node/refusal.ts'
import { type Announced, type Ask, Broken, catchBroken, readAnnounced } from './ask.ts'
import type { Io } from './io.ts'
import { createProgress } from './progress.ts'

/** Where the bytes of one content go. Who opened it ends it: by `keep`, by `discard`, or as its own type says. */
export interface Sink {
  /** How many bytes it holds: where a download goes on. */
  readonly offset: number
  write(chunk: Uint8Array): Promise<void>
  /** Of all the bytes it holds; asked once. */
  digest(): Digest
  /** Lets go of it with what it holds, for a later run. */
  keep(): Promise<void>
  /** Forgets what it holds; throws a Refusal that says `why` when that is out already. */
  discard(why: string): Promise<void>
}

/** What is to be downloaded, and where to. */
export interface Wanted<S extends Sink> {
  readonly ask: Ask
  /** Path and query. */
  readonly path: string
  /** Refuses every other content. */
  readonly digest?: Digest | undefined
  /** Opens what the announced content goes to, which may hold its beginning from an earlier run. */
  readonly openSink: (announced: Announced) => Promise<S>
}

/** A content that came whole and has the digest it was announced with; or the answer that was no content. */
export type Downloaded<S extends Sink> =
  | { readonly announced: Announced; readonly sink: S }
  | { readonly refused: Response }

/** How often one download is asked for in all. */
const MAX_TRIES = 5
/** Before the second try; each further wait is twice as long. */
const FIRST_DELAY_MS = 500

/**
 * Downloads one content. A transfer that breaks off goes on where it stopped (RFC 9110 §14.2 with `If-Range`, §13.1.5),
 * and begins anew when the content has changed in the meantime. Bytes that contradict their digest are thrown away and
 * asked for once more. Throws a Refusal when that, or `MAX_TRIES` tries, did not help; what came is then kept.
 */
export async function download<S extends Sink>(wanted: Wanted<S>, io: Io): Promise<Downloaded<S>> {
  const wait = createPatience(io)
  let response = await wanted.ask(wanted.path)
  for (let contradicted = false; ; ) {
    if (response.status !== 200) return { refused: response }
    const announced = await readWanted(response, wanted.digest)
    const sink = await openSink(response, wanted, announced)
    const other = await keepOnError(sink, fill(sink, { announced, response, wanted, io, wait }))
    if (other === null && sink.digest() === announced.digest) return { announced, sink }

    await sink.discard(other ? 'the file changed while it was received' : CONTRADICTED)
    if (other === null && contradicted) throw new Refusal(CONTRADICTED)
    contradicted ||= other === null
    response = other ?? (await wanted.ask(wanted.path))
  }
}

/** Said of bytes that are not those announced. */
export const CONTRADICTED =
  "the bytes received do not hash to the digest announced; 'vouch check --deep' tells whether a copy rotted"

/** What an answer with 200 announces; throws a Refusal, and frees it, when that is no content, or not the one of `digest`. */
export async function readWanted(response: Response, digest: Digest | undefined): Promise<Announced> {
  try {
    const announced = readAnnounced(response)
    if (digest === undefined || announced.digest === digest) return announced
    throw new Refusal(
      'the coordinator answered with another version than the one asked for; name it directly, not a cache before it',
    )
  } catch (error) {
    await response.body?.cancel()
    throw error
  }
}

async function openSink<S extends Sink>(
  response: Response,
  wanted: Wanted<S>,
  announced: Announced,
): Promise<S> {
  try {
    return await wanted.openSink(announced)
  } catch (error) {
    await response.body?.cancel()
    throw error
  }
}

async function keepOnError<T>(sink: Sink, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    await sink.keep()
    throw error
  }
}

interface Transfer {
  readonly announced: Announced
  /** The answer that announced it, its body unread. */
  readonly response: Response
  readonly wanted: Wanted<Sink>
  readonly io: Io
  readonly wait: (error: Broken) => Promise<void>
}

/** Brings what `sink` still lacks. Resolves with null when it is full, or with an answer that is no part of it. */
async function fill(
  sink: Sink,
  { announced, response: first, wanted, io, wait }: Transfer,
): Promise<Response | null> {
  const progress = createProgress(io.stderr, { total: announced.size, start: sink.offset })
  let response: Response | null = first
  try {
    if (sink.offset > 0 || announced.size === 0) response = await drop(first)
    while (sink.offset < announced.size) {
      try {
        response ??= await askRest(sink.offset, announced, wanted)
        if (response !== first && response.status !== 206) return response
        await pour(response, sink, announced.size, progress.update)
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

async function drop(response: Response): Promise<null> {
  await response.body?.cancel()
  return null
}

/** The answer to a request for the rest: a 206 that carries it, or what is to be said instead of it. */
async function askRest(offset: number, announced: Announced, { ask, path }: Wanted<Sink>): Promise<Response> {
  const rest = { Range: `bytes=${offset}-`, 'If-Range': announced.etag }
  const response = await ask(path, offset > 0 ? { fields: rest } : {})
  const { status, headers } = response
  // A server that is in trouble now may not be in a moment, and half of the file is here.
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

async function pour(
  response: Response,
  sink: Sink,
  size: number,
  onProgress: (done: number) => void,
): Promise<void> {
  if (response.body === null) return
  for await (const chunk of catchBroken(response.body)) {
    if (sink.offset + chunk.length > size) throw new Broken('the transfer is longer than it was announced')
    await sink.write(chunk)
    onProgress(sink.offset)
  }
}

/** Waits longer from try to try, and throws the error that ended the last one. */
function createPatience(io: Io): (error: Broken) => Promise<void> {
  const delay = io.delay ?? ((ms) => setTimeout(ms, undefined, io.signal ? { signal: io.signal } : {}))
  let tries = 1
  return async (error) => {
    if (tries === MAX_TRIES)
      throw new Refusal(
        `${error.message}; gave up after ${MAX_TRIES} tries; run it again, and it goes on with what came`,
      )
    await delay(FIRST_DELAY_MS * 2 ** (tries++ - 1))
  }
}
