import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { attempt } from '../../functions/wire/attempt.ts'
import { isValid } from '../../functions/wire/json/parse.ts'
import { findWrongIds } from '../../functions/wire/replica-ids.ts'
import { replicaId } from '../../functions/wire/schemas/values.ts'
import { UserError } from '../node/user-error.ts'
import { parseHttpUrl } from '../s3/place.ts'
import type { Kind, Label } from './flag.ts'
import type { Scheme } from './stores/scheme.ts'
import { findScheme, SCHEMES } from './stores/schemes.ts'

/** Where a replica is: a directory of this machine, a replica server, or a store of a scheme. */
export type Target =
  | { readonly kind: 'directory'; readonly path: string }
  | { readonly kind: 'remote'; readonly url: string }
  | { readonly kind: 'store'; readonly scheme: Scheme; readonly address: string }

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
  rule: 'ID=TARGET, such as nas=https://nas.example:6002',
  parts: `ID is ${ID_RULE}; TARGET is a path, a file:/// URL, ${URL_RULE}, ${SCHEMES.map(({ rule }) => rule).join('; or ')}`,
  parse: parseReplicaAddress,
  behindEquals: true,
  paths: 'directories',
  words: ['http://', 'https://', 'file:///', ...SCHEMES.map(({ begins }) => begins)],
}

/** Parses `id=target`, without resolving a path; null when it is not valid, or not reachable from here. */
export function parseReplicaAddress(text: string): ReplicaAddress | null {
  const [, id = '', address = ''] = /^([^=]*)=(.+)$/su.exec(text) ?? []
  const target = parseTarget(address)
  return isValid(replicaId, id) && target !== null ? { id, target } : null
}

/** Parses the part of an address behind the id; null as `parseReplicaAddress`. */
export function parseTarget(text: string): Target | null {
  if (/^https?:/i.test(text)) {
    const url = parseHttpUrl(text)
    return url === null ? null : { kind: 'remote', url }
  }
  if (/^file:/i.test(text)) return parseFileUrl(text)
  const scheme = findScheme(text)
  if (scheme !== undefined) return scheme.isValid(text) ? { kind: 'store', scheme, address: text } : null
  // One letter before a colon is a drive, not a scheme.
  if (text === '' || /^[a-z][a-z0-9+.-]+:\/\//i.test(text)) return null
  return { kind: 'directory', path: text }
}

/** A target for people, without what may be secret. */
export function formatTarget(target: Target): string {
  if (target.kind === 'store') return target.scheme.format?.(target.address) ?? target.address
  return target.kind === 'remote' ? target.url : target.path
}

/** The same target, whose relative path starts at `directory`. */
export function resolveTarget(target: Target, directory: string): Target {
  if (target.kind === 'directory') return { ...target, path: resolve(directory, target.path) }
  if (target.kind === 'remote') return target
  return { ...target, address: target.scheme.resolve?.(target.address, directory) ?? target.address }
}

/**
 * A target as text, whose relative path starts at `directory`; unchanged when it has none, or is not valid.
 */
export function resolveText(text: string, directory: string): string {
  const target = parseTarget(text)
  const resolved = target && resolveTarget(target, directory)
  if (resolved?.kind === 'directory') return resolved.path
  return resolved?.kind === 'store' ? resolved.address : text
}

/** The addresses of all schemes in short, at the end of a list. */
export function listForms(): string {
  const forms = SCHEMES.map(({ form }) => form)
  return `${forms.slice(0, -1).join(', ')} or ${forms.at(-1)}`
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
