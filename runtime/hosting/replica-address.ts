import { fileURLToPath } from 'node:url'
import { attempt } from '../../functions/wire/attempt.ts'
import { isValid } from '../../functions/wire/json/parse.ts'
import { findWrongIds } from '../../functions/wire/replica-ids.ts'
import { replicaId } from '../../functions/wire/schemas.ts'
import { UserError } from '../node/user-error.ts'
import { parseHttpUrl, parseS3Word, S3_RULE, type S3Word } from '../s3/place.ts'
import type { Kind, Label } from './flag.ts'

/** Where a replica is: a directory of this machine, a replica server, a bucket, or any web server. */
export type Target =
  | { readonly kind: 'directory'; readonly path: string }
  | { readonly kind: 'remote'; readonly url: string }
  | { readonly kind: 's3'; readonly word: S3Word }
  | { readonly kind: 'static'; readonly url: string }

/** A replica that is not open yet. */
export interface ReplicaAddress {
  readonly id: string
  readonly target: Target
}

const ID_RULE = "a letter and up to 63 letters, digits, '.', '_' or '-'"
const URL_RULE = 'an http or https URL without user, password, query or fragment'

export const REPLICA_ID: Kind<string> = {
  rule: ID_RULE,
  parse: (text) => (isValid(replicaId, text) ? text : null),
}

/** The URL of a server, normalized. */
export const SERVER_URL: Kind<string> = {
  rule: URL_RULE,
  parse: parseHttpUrl,
  words: ['http://', 'https://'],
}

export const REPLICA_ADDRESS: Kind<ReplicaAddress> = {
  rule: 'ID=TARGET',
  parts: `ID is ${ID_RULE}; TARGET is a path, a file:/// URL, ${URL_RULE}, static+ and the URL of a web server's directory, or ${S3_RULE}`,
  parse: parseReplicaAddress,
  behindEquals: true,
  paths: 'directories',
  words: ['http://', 'https://', 'file:///', 's3://', 'static+https://'],
}

/** Parses `id=target`, without resolving a path; null when it is not valid, or not reachable from here. */
export function parseReplicaAddress(text: string): ReplicaAddress | null {
  const [, id = '', address = ''] = /^([^=]*)=(.+)$/su.exec(text) ?? []
  const target = parseTarget(address)
  return isValid(replicaId, id) && target !== null ? { id, target } : null
}

/** Parses the part of an address behind the id; null as `parseReplicaAddress`. */
export function parseTarget(text: string): Target | null {
  if (/^https?:/i.test(text)) return toTarget('remote', parseHttpUrl(text))
  if (/^file:/i.test(text)) return parseFileUrl(text)
  if (/^s3:/i.test(text)) {
    const word = parseS3Word(text)
    return word === null ? null : { kind: 's3', word }
  }
  if (/^static\+/i.test(text)) {
    const url = parseHttpUrl(text.slice('static+'.length))
    return toTarget('static', url?.replace(/\/*$/, '/') ?? null)
  }
  // One letter before a colon is a drive, not a scheme.
  if (text === '' || /^[a-z][a-z0-9+.-]+:\/\//i.test(text)) return null
  return { kind: 'directory', path: text }
}

/** A target for people, without the parameters of a bucket. */
export function formatTarget(target: Target): string {
  if (target.kind === 's3') return `s3://${target.word.bucket}/${target.word.root}`
  if (target.kind === 'static') return `static+${target.url}`
  return target.kind === 'remote' ? target.url : target.path
}

function toTarget(kind: 'remote' | 'static', url: string | null): Target | null {
  return url === null ? null : { kind, url }
}

/** `file:./x` would mean `file:///x`, which its writer does not expect: it is not valid. */
function parseFileUrl(text: string): Target | null {
  if (!/^file:\/\/\//i.test(text) || /[?#]/.test(text)) return null
  const path = attempt(() => fileURLToPath(text))
  return path === null ? null : { kind: 'directory', path }
}

/** Throws a UserError when two replicas have one id, or when there are more than a coordinator can report. */
export function requireIds(replicas: readonly ReplicaAddress[], label: Label): void {
  const wrong = findWrongIds(replicas.map(({ id }) => id))
  if (wrong !== null) throw new UserError(`${label('replica')}: ${wrong}`)
}

/** Throws a UserError for one replica alone. */
export function requireSeveral(replicas: readonly ReplicaAddress[], label: Label): void {
  if (replicas.length === 1)
    throw new UserError(
      `one replica compares with nothing: name a second with ${label('replica')}, or add ${label('single')} if one is intended`,
    )
}
