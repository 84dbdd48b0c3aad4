import type { Replica } from '../../functions/coordinator/ask/member.ts'
import { findOverlap, formatOverlap } from '../../functions/storage/overlap.ts'
import type { Storage } from '../../functions/storage/storage.ts'
import { isValid } from '../../functions/wire/json/parse.ts'
import { findWrongIds } from '../../functions/wire/replica-ids.ts'
import { replicaId } from '../../functions/wire/schemas/values.ts'
import type { AccessEnv } from './access/access.ts'
import { parseTokens } from './access/tokens.ts'
import { ConfigurationError } from './configuration-error.ts'
import { openAddress, toPlaces } from './replica-address.ts'

/** Bindings and variables of a coordinator Worker; the addresses in `REPLICAS` name other bindings. */
export interface CoordinatorEnv extends AccessEnv {
  /** As `--replica`, comma-separated: `server1=r2://FILES,server2=service://SERVER2,nas=https://nas:6002`. */
  readonly REPLICAS?: string
  /** `true` to allow a single replica, which compares with nothing. */
  readonly SINGLE?: string
  readonly [binding: string]: unknown
}

/** Bindings and variables of a replica Worker; the address in `STORAGE` names another binding. */
export interface ReplicaEnv extends AccessEnv {
  /** `r2://FILES` or `r2://FILES/folder`. */
  readonly STORAGE?: string
  readonly [binding: string]: unknown
}

/** The replicas that `REPLICAS` names, in its order. Throws ConfigurationError. */
export function parseReplicas(env: CoordinatorEnv, { writable }: { readonly writable: boolean }): Replica[] {
  const text = env.REPLICAS?.trim() ?? ''
  if (text === '') throw new ConfigurationError(`REPLICAS is empty; ${TAKES}`)
  const items = text.split(',').map((item, i) => parseItem(item.trim(), i))
  const ids = items.map(({ id }) => id)
  requireUnlike(ids)
  const wrong = findWrongIds(ids)
  if (wrong !== null) throw new ConfigurationError(`REPLICAS: ${wrong}`)
  const replicas = items.map(({ id, url }) => ({ id, storage: openReplica(id, url, env, writable) }))
  if (items.length === 1 && env.SINGLE !== 'true')
    throw new ConfigurationError(
      "REPLICAS names one replica, which compares with nothing: name a second, or set SINGLE to 'true' if one is intended",
    )
  const overlap = findOverlap(items.map(({ id, url }) => ({ id, places: toPlaces(url) })))
  if (overlap !== null) throw new ConfigurationError(`REPLICAS: ${formatOverlap(overlap)}`)
  return replicas
}

const TAKES =
  "it takes 'id=r2://BINDING', 'id=service://BINDING', 'id=https://host:port', 'id=s3://bucket/prefix' or 'id=static+https://host/directory/', comma-separated, each id once"

function parseItem(item: string, index: number): { id: string; url: string } {
  const [, id = '', url = ''] = /^([^=]*)=(.*)$/.exec(item) ?? []
  if (!isValid(replicaId, id))
    throw new ConfigurationError(`item ${index + 1} of REPLICAS has no valid id; ${TAKES}`)
  return { id, url }
}

/** Ids must not share a secret either: the token of one would be sent to the other. */
function requireUnlike(ids: readonly string[]): void {
  for (const [i, id] of ids.entries()) {
    const other = ids.slice(0, i).find((other) => toTokenName(other) === toTokenName(id))
    if (other === id)
      throw new ConfigurationError(`REPLICAS names '${id}' twice; give each replica its own id`)
    if (other !== undefined)
      throw new ConfigurationError(
        `REPLICAS names '${other}' and '${id}', which would share the secret ${toTokenName(id)}; rename one`,
      )
  }
}

/** The secret with the token to send to a replica: `TOKEN_NAS` for `nas`. */
function toTokenName(id: string): string {
  return `TOKEN_${id.toUpperCase().replace(/\W/g, '_')}`
}

function openReplica(id: string, url: string, env: CoordinatorEnv, writable: boolean): Storage {
  const name = toTokenName(id)
  const token = parseTokens(name, env[name])
  const storage = openAddress({ variable: `'${id}' in REPLICAS`, url, env, writable, token })
  if (storage !== null) return storage
  throw new ConfigurationError(`the address of '${id}' in REPLICAS is not valid for a Worker; ${TAKES}`)
}

/** The storage that `STORAGE` names. Throws ConfigurationError. */
export function parseStorage(env: ReplicaEnv, { writable }: { readonly writable: boolean }): Storage {
  const url = env.STORAGE?.trim() ?? ''
  const storage = openAddress({ variable: 'STORAGE', url, env, writable, token: null })
  if (storage !== null) return storage
  throw new ConfigurationError("STORAGE takes 'r2://BINDING' or 'r2://BINDING/folder'")
}
