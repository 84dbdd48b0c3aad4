import * as v from 'valibot'
import { readText } from '../../../functions/bytes/chunks.ts'
import { sendPlain } from '../../../functions/storage/remote/remote.ts'
import { mapErrors, type Reply } from '../../../functions/storage/remote/replies.ts'
import { closedError } from '../../../functions/wire/errors.ts'
import { toNamedPath } from '../../../functions/wire/fields/routes.ts'
import { type Parsed, parseJson } from '../../../functions/wire/json/parse.ts'
import { parseJsonWithItems } from '../../../functions/wire/json/parse-items.ts'
import { createLimit } from '../../../functions/wire/limit.ts'
import {
  MAX_WEB_ENTRIES,
  MAX_WEB_ENTRY_LENGTH,
  MAX_WEB_LISTING_BYTES,
} from '../../../functions/wire/limits.ts'
import { StorageError } from '../../../functions/wire/storage-error.ts'
import { createSend } from '../http/http-client.ts'
import { MAX_RCLONE_CALLS } from '../limits.ts'
import { UserError } from '../user-error.ts'
import { type Environment, type RcloneProcess, startRclone } from './rclone-process.ts'

/** A file or directory, as `operations/stat` and `operations/list` describe it. */
export type RcloneItem = v.InferOutput<typeof item>

const item = v.object({
  /** From the root of the remote that was asked, in rclone's own form. */
  Path: v.string(),
  Name: v.string(),
  /** Bytes; -1 for a directory, and where rclone does not know it. */
  Size: v.number(),
  /** RFC 3339, in nanoseconds where the store has them; '' where it was not asked for. */
  ModTime: v.string(),
  IsDir: v.boolean(),
  Hashes: v.optional(v.record(v.string(), v.string())),
  Metadata: v.optional(v.nullable(v.record(v.string(), v.string()))),
})

/** Options of both, see https://rclone.org/rc/#operations-list. */
export interface ItemOptions {
  readonly hashTypes?: readonly string[] | undefined
  readonly metadata?: boolean | undefined
  /** Leaves out the times, which cost a request each in some stores. */
  readonly noModTime?: boolean | undefined
}

/** Why rclone has no answer. Its own words are not passed on: they may have an address with a password. */
export type Refusal = 'no-directory' | 'not-configured' | 'not-a-directory' | 'failed'

/** A remote and the directory in it, such as `nas:photos`. */
export type RcloneFs = string

/** The remote control of one `rclone rcd`, which all replicas over rclone share. The caller closes it. */
export interface RcloneServer {
  /** The item of this path, '' for the directory `fs` itself. Null may also mean that rclone cannot tell. */
  stat(fs: RcloneFs, path: string, options: ItemOptions & Signalled): Promise<RcloneItem | null | Refusal>
  /** The items directly in a directory, in any order. */
  list(fs: RcloneFs, path: string, options: ItemOptions & Signalled): Promise<RcloneItem[] | Refusal>
  /**
   * Calls any other method of https://rclone.org/rc/; rejects with `unreachable` for an unexpected answer.
   */
  call<T extends v.GenericSchema>(
    method: string,
    parameters: object,
    schema: T,
  ): Promise<v.InferOutput<T> | Refusal>
  /** Sends GET for the content of a file. */
  get(
    fs: RcloneFs,
    path: string,
    options: { readonly range?: string | undefined } & Signalled,
  ): Promise<Reply>
  close(): Promise<void>
}

interface Signalled {
  readonly signal: AbortSignal | undefined
}

/** The oldest rclone whose answers were tried. */
const OLDEST = [1, 60] as const

const send = createSend()

interface Shared {
  users: number
  process: Promise<RcloneProcess>
}

const shared = new Map<Environment, Shared>()

/**
 * Opens rclone's remote control; starts rclone if it does not run for this environment already, and again
 * when it ended meanwhile. Rejects with a UserError when there is no rclone, it is too old, or it does not
 * start.
 */
export async function openRclone(env: Environment): Promise<RcloneServer> {
  const one = shared.get(env) ?? { users: 0, process: start(env) }
  shared.set(env, one)
  one.users++
  const limit = createLimit(MAX_RCLONE_CALLS)
  let isOpen = true

  async function close(): Promise<void> {
    if (!isOpen) return
    isOpen = false
    one.users--
    if (one.users > 0) return
    shared.delete(env)
    const running = await one.process.catch(() => null)
    await running?.stop()
  }

  async function getRunning(): Promise<RcloneProcess> {
    if (!isOpen) throw closedError()
    const before = one.process
    const running = await before.catch(() => null)
    // Closed meanwhile, by the last user perhaps, after whom nobody would end a new one.
    if (!isOpen) throw closedError()
    if (running?.isRunning()) return running
    // Another question may have started it by now.
    if (one.process === before) one.process = start(env)
    const again = await one.process.catch(() => {
      throw new StorageError('unreachable', 'rclone has ended, and does not start again')
    })
    // Then `close` ends it, or leaves it to others.
    if (!isOpen) throw closedError()
    return again
  }

  async function post(method: string, parameters: object, signal: AbortSignal | undefined) {
    return await limit.run(async () => await postTo(await getRunning(), method, parameters, signal))
  }

  async function call<T extends v.GenericSchema>(
    method: string,
    parameters: object,
    schema: T,
    signal?: AbortSignal,
  ) {
    const { text, refusal } = await post(method, parameters, signal)
    return refusal ?? require(parseJson(schema, text))
  }

  const server: RcloneServer = {
    async stat(fs, path, { signal, ...options }) {
      const parameters = { fs, remote: path, opt: toOptions(options) }
      const answer = await call('operations/stat', parameters, v.object({ item: v.nullable(item) }), signal)
      return typeof answer === 'string' ? answer : answer.item
    },
    async list(fs, path, { signal, ...options }) {
      const parameters = { fs, remote: path, opt: toOptions(options) }
      const { text, refusal } = await post('operations/list', parameters, signal)
      if (refusal !== undefined) return refusal
      const limits = { items: MAX_WEB_ENTRIES, length: MAX_WEB_ENTRY_LENGTH }
      const whole = v.object({ list: v.array(v.never()) })
      return require(await parseJsonWithItems(whole, 'list', item, text, limits)).items
    },
    call,
    async get(fs, path, { range, signal }) {
      const url = toNamedPath(`/${encodeURIComponent(`[${fs}]`)}/`, path)
      const headers = range === undefined ? {} : { Range: range }
      return await limit.run(async () => await request(await getRunning(), url, { headers, signal }))
    },
    close,
  }
  try {
    await one.process
    return server
  } catch (error) {
    await close()
    throw error
  }
}

async function start(env: Environment): Promise<RcloneProcess> {
  const running = await startRclone(env)
  try {
    const { text } = await postTo(running, 'core/version', {}, undefined)
    const { version, decomposed } = require(parseJson(versionAnswer, text))
    const [major = 0, minor = 0] = decomposed
    if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return running
    throw new UserError(
      `rclone ${version} is too old; install ${OLDEST.join('.')} or newer from https://rclone.org`,
    )
  } catch (error) {
    await running.stop()
    throw error
  }
}

const versionAnswer = v.object({ version: v.string(), decomposed: v.array(v.number()) })

interface Request extends Signalled {
  readonly headers: Record<string, string>
  readonly method?: 'POST'
  readonly body?: string
}

/** Sends a request to a running rclone. */
export async function request(
  { url, authorization }: RcloneProcess,
  path: string,
  init: Request,
): Promise<Reply> {
  init.signal?.throwIfAborted()
  return await sendPlain(send, url + path, {
    ...init,
    headers: { ...init.headers, Authorization: authorization },
  })
}

/** Calls a method. An answer that is not 200 is a refusal, by rclone's words for it. */
async function postTo(
  running: RcloneProcess,
  method: string,
  parameters: object,
  signal: AbortSignal | undefined,
): Promise<{ readonly text: string; readonly refusal?: Refusal }> {
  const headers = { 'Content-Type': 'application/json' }
  const reply = await request(running, `/${method}`, {
    method: 'POST',
    body: JSON.stringify(parameters),
    headers,
    signal,
  })
  const text = reply.body === null ? '' : await readText(mapErrors(reply.body), MAX_WEB_LISTING_BYTES)
  if (text === null) throw unexpected('a listing that is too large')
  return reply.status === 200 ? { text } : { text: '', refusal: toRefusal(text) }
}

function toRefusal(text: string): Refusal {
  const answer = parseJson(v.object({ error: v.string() }), text)
  const words = answer.success ? answer.output.error : ''
  if (/\bdirectory not found$/.test(words)) return 'no-directory'
  if (/didn't find section in config file/.test(words)) return 'not-configured'
  return /not a directory$/.test(words) ? 'not-a-directory' : 'failed'
}

function toOptions({ hashTypes, ...rest }: ItemOptions): object {
  return { noMimeType: true, ...rest, ...(hashTypes && { showHash: true, hashTypes }) }
}

const REFUSALS: Readonly<Record<Refusal, string>> = {
  'no-directory':
    'rclone finds no such directory: the path may be wrong, or the disk not mounted, and the file may be there all the same',
  'not-configured': 'rclone has no remote of this name any longer',
  'not-a-directory': 'rclone finds a file where a directory should be',
  failed: 'rclone could not ask the remote; `rclone lsf` shows why',
}

/** The error for a question that rclone did not answer. */
export function toRefusalError(refusal: Refusal): StorageError {
  return new StorageError('unreachable', REFUSALS[refusal])
}

/** The error for a file that rclone does not find, although it may be there. */
export function hiddenError(message: string): StorageError {
  return new StorageError('unreachable', message)
}

function require<T>(answer: Parsed<T>): T {
  if (answer.success) return answer.output
  throw unexpected('another answer than expected')
}

function unexpected(what: string): StorageError {
  return new StorageError('unreachable', `rclone answered with ${what}`, { reason: 'http_protocol_error' })
}
