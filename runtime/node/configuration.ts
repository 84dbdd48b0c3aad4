import { fileURLToPath } from 'node:url'
import * as v from 'valibot'
import { parseRequire, type Require } from '../../functions/coordinator/parameters.ts'
import { isValid, parse } from '../../functions/wire/parse.ts'
import { findWrongIds } from '../../functions/wire/replica-ids.ts'
import { replicaId } from '../../functions/wire/schemas.ts'
import { parseS3Word, S3_RULE, type S3Word } from '../s3/place.ts'
import { Refusal } from './refusal.ts'

/** What a replica word names: a directory on this machine, a replica server elsewhere, a bucket, or any web server. */
export type Target =
  | { readonly kind: 'directory'; readonly path: string }
  | { readonly kind: 'remote'; readonly url: string }
  | { readonly kind: 's3'; readonly word: S3Word }
  | { readonly kind: 'static'; readonly url: string }

/** A replica as its word names it, not yet opened. */
export interface ReplicaWord {
  readonly id: string
  readonly target: Target
}

const ID = "a letter and up to 63 letters, digits, '.', '_' or '-'"
const SECONDS = 'a number of seconds from 0.001 to 86400'
const URL_RULE = 'an http or https URL without user, password, query or fragment'

/** What each option takes, for the line that refuses another. */
const TAKES: Readonly<Record<string, string>> = {
  port: 'a port number from 0 to 65535',
  host: 'an address or a host name',
  id: ID,
  coordinator: URL_RULE,
  'connect-timeout': SECONDS,
  'silence-timeout': SECONDS,
  'answer-timeout': SECONDS,
  replica: `ID=TARGET, where ID is ${ID}, and TARGET a path, a file:/// URL, ${URL_RULE}, that of any web server's directory behind static+, or ${S3_RULE}`,
}

const port = v.pipe(v.string(), v.regex(/^\d{1,5}$/), v.transform(Number), v.maxValue(65_535))
const host = v.pipe(v.string(), v.regex(/^[\w.:%-]+$/))
const url = v.pipe(v.string(), v.transform(parseHttpUrl), v.custom<string>(isThere))
const replica = v.pipe(v.string(), v.transform(parseReplicaWord), v.custom<ReplicaWord>(isThere))
const require = v.optional(v.string())
/** Seconds in a flag, milliseconds inside. */
const timeout = v.optional(
  v.pipe(
    v.string(),
    v.regex(/^\d{1,5}(\.\d{1,3})?$/),
    v.transform((text) => Number(text) * 1000),
    v.minValue(1),
    v.maxValue(86_400_000),
  ),
)
const timeoutFlags = v.object({
  'connect-timeout': timeout,
  'silence-timeout': timeout,
  'answer-timeout': timeout,
})

const replicaFlags = v.object({
  port: v.optional(port, '6002'),
  host: v.optional(host, '127.0.0.1'),
  id: v.optional(replicaId, 'replica'),
})
const coordinatorFlags = v.object({
  port: v.optional(port, '6001'),
  host: v.optional(host, '127.0.0.1'),
  replica: v.optional(v.array(replica), []),
  require,
  ...timeoutFlags.entries,
})
const sourceFlags = v.object({
  coordinator: v.optional(url),
  replica: v.optional(v.array(replica), []),
  require,
  ...timeoutFlags.entries,
})

export type ReplicaFlags = v.InferOutput<typeof replicaFlags>

/** The flags of a replica server; throws a Refusal that names the option, what it takes and what it got. */
export function parseReplicaFlags(flags: Flags): ReplicaFlags {
  return parseFlags(replicaFlags, flags)
}

/** Where a coordinator listens and whom it asks: several replicas, or with `--single` one at least, each id once. */
export interface CoordinatorFlags {
  readonly port: number
  readonly host: string
  readonly replicas: readonly ReplicaWord[]
  readonly require: Require | undefined
  readonly timeouts: Timeouts
}

/** How long a replica may take, in milliseconds; undefined where no flag says. */
export interface Timeouts {
  readonly connect: number | undefined
  readonly silence: number | undefined
  readonly answer: number | undefined
}

/** The flags of a coordinator; throws a Refusal that names the option, what it takes and what it got. */
export function parseCoordinatorFlags(flags: Flags): CoordinatorFlags {
  const { port, host, replica, require, ...more } = parseFlags(coordinatorFlags, flags)
  if (replica.length === 0)
    throw new Refusal('--replica takes ID=TARGET at least once, got none; --replica here=. is this directory')
  requireIds(replica)
  if (!flags['single']) requireSeveral(replica)
  return {
    port,
    host,
    replicas: replica,
    require: toRequire(require, replica.length),
    timeouts: toTimeouts(more),
  }
}

function toTimeouts(flags: v.InferOutput<typeof timeoutFlags>): Timeouts {
  return {
    connect: flags['connect-timeout'],
    silence: flags['silence-timeout'],
    answer: flags['answer-timeout'],
  }
}

/** Whom a client asks: a coordinator elsewhere, or replicas itself. */
export type SourceFlags =
  | { readonly coordinator: string; readonly require: string | undefined }
  | {
      readonly replicas: readonly ReplicaWord[]
      readonly require: Require | undefined
      readonly timeouts: Timeouts
    }

/**
 * The flags that say whom a client asks: `--coordinator`, by default `http://127.0.0.1:6001`, or `--replica`, not both;
 * throws a Refusal otherwise. How many replicas a coordinator elsewhere has is its own affair: it judges `require`.
 */
export function parseSourceFlags(flags: Flags): SourceFlags {
  const { coordinator, replica, require, ...more } = parseFlags(sourceFlags, flags)
  if (replica.length === 0) {
    toRequire(require, Number.POSITIVE_INFINITY)
    return { coordinator: coordinator ?? 'http://127.0.0.1:6001', require }
  }
  if (coordinator !== undefined)
    throw new Refusal('--coordinator and --replica exclude each other; leave one out')
  requireIds(replica)
  return { replicas: replica, require: toRequire(require, replica.length), timeouts: toTimeouts(more) }
}

/** The word `id=target`, its path as it was given; null when it is none, or names what this machine cannot open. */
export function parseReplicaWord(word: string): ReplicaWord | null {
  const [, name = '', text = ''] = /^([^=]*)=(.+)$/su.exec(word) ?? []
  const target = parseTarget(text)
  return isValid(replicaId, name) && target !== null ? { id: name, target } : null
}

/** What a word names; null when it is none, as `parseReplicaWord`. */
export function parseTarget(text: string): Target | null {
  if (/^https?:/i.test(text)) {
    const plain = parseHttpUrl(text)
    return plain === null ? null : { kind: 'remote', url: plain }
  }
  if (/^file:/i.test(text)) return parseFileUrl(text)
  if (/^s3:/i.test(text)) return toS3Target(parseS3Word(text))
  if (/^static\+/i.test(text)) return toStaticTarget(parseHttpUrl(text.slice('static+'.length)))
  // One letter before a colon is a drive, not a scheme.
  if (text === '' || /^[a-z][a-z0-9+.-]+:\/\//i.test(text)) return null
  return { kind: 'directory', path: text }
}

function toS3Target(word: S3Word | null): Target | null {
  return word === null ? null : { kind: 's3', word }
}

function toStaticTarget(url: string | null): Target | null {
  return url === null ? null : { kind: 'static', url: url.replace(/\/*$/, '/') }
}

/** `file:./x` means `file:///x` to every URL parser, and another thing to whoever writes it: it is refused. */
function parseFileUrl(text: string): Target | null {
  if (!/^file:\/\/\//i.test(text) || /[?#]/.test(text)) return null
  try {
    return { kind: 'directory', path: fileURLToPath(text) }
  } catch {
    return null
  }
}

/** An http(s) URL without credentials, query and fragment, normalized; null for anything else. */
function parseHttpUrl(text: string): string | null {
  if (!/^https?:\/\//i.test(text) || /[?#\s]/.test(text) || !URL.canParse(text)) return null
  const { username, password, href } = new URL(text)
  return username === '' && password === '' ? href : null
}

function requireIds(words: readonly ReplicaWord[]): void {
  const twice = words.find(({ id }, i) => words.findIndex((other) => other.id === id) < i)
  if (twice)
    throw new Refusal(`--replica takes each id once, got '${twice.id}' twice; give each replica its own`)
  const wrong = findWrongIds(words.map(({ id }) => id))
  if (wrong !== null) throw new Refusal(`--replica: ${wrong}`)
}

/** Throws a Refusal for one replica alone. */
export function requireSeveral(replicas: readonly unknown[]): void {
  if (replicas.length === 1)
    throw new Refusal(
      'one replica compares with nothing: name a second with --replica, or add --single if one is meant',
    )
}

function toRequire(text: string | undefined, of: number): Require | undefined {
  const require = text === undefined ? undefined : parseRequire(text, of)
  if (require !== null) return require
  const most = Number.isFinite(of) ? `from 1 to ${of}` : 'from 1 up'
  throw new Refusal(`--require takes all, majority or a number ${most}, got '${text}'`)
}

/** Flags as `parseArgs` of node:util gives them. */
export type Flags = Readonly<Record<string, unknown>>

function parseFlags<T extends v.ObjectEntries>(
  schema: v.ObjectSchema<T, undefined>,
  flags: Flags,
): v.InferOutput<v.ObjectSchema<T, undefined>> {
  const result = parse(schema, flags)
  if (result.success) return result.output
  const flag = String(result.path[0])
  throw new Refusal(`--${flag} takes ${TAKES[flag]}, got '${redact(String(result.got))}'`)
}

function isThere(value: unknown): boolean {
  return value !== null
}

/** `text` without what may be secret in a URL. */
function redact(text: string): string {
  return text.replace(/(\w:\/\/)[^/]*@/, '$1…@').replace(/(\w:\/\/[^?#]*[?#]).*/s, '$1…')
}
