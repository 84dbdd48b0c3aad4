import type { Replica } from '../../functions/coordinator/gather.ts'
import { findOverlap, toOverlapText } from '../../functions/storage/overlap.ts'
import type { Storage } from '../../functions/storage/storage.ts'
import { isValid } from '../../functions/wire/parse.ts'
import { findWrongIds } from '../../functions/wire/replica-ids.ts'
import { replicaId } from '../../functions/wire/schemas.ts'
import { ConfigurationError } from './configuration-error.ts'
import type { DoorEnv } from './door.ts'
import { parseTokens } from './tokens.ts'
import { parseWord, toPlaces } from './words.ts'

/** Bindings and variables of a coordinator Worker; the words of `REPLICAS` name others among them. */
export interface CoordinatorEnv extends DoorEnv {
  /** `server1=r2://FILES,server2=service://SERVER2,nas=https://nas.example:6002`: as `--replica`, comma-separated. */
  readonly REPLICAS?: string
  /** `true` to take one replica alone, which compares with nothing. */
  readonly SINGLE?: string
  readonly [binding: string]: unknown
}

/** Bindings and variables of a replica Worker; the word of `STORAGE` names others among them. */
export interface ReplicaEnv extends DoorEnv {
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
  const replicas = items.map(({ id, url }) => ({ id, storage: openReplica(id, url, { env, writable }) }))
  requireSeveral(items, env)
  requireApart(items)
  return replicas
}

const TAKES =
  "it takes 'id=r2://BINDING', 'id=service://BINDING', 'id=https://host:port', 'id=s3://bucket/prefix' or 'id=static+https://host/directory/', comma-separated, each id once"

function parseItem(item: string, index: number): { id: string; url: string } {
  const [, id = '', url = ''] = /^([^=]*)=(.*)$/.exec(item) ?? []
  if (!isValid(replicaId, id))
    throw new ConfigurationError(`item ${index + 1} of REPLICAS has no id; ${TAKES}`)
  return { id, url }
}

/** Ids may not share a secret either: the token of one would be shown to the other. */
function requireUnlike(ids: readonly string[]): void {
  for (const [i, id] of ids.entries()) {
    const other = ids.slice(0, i).find((other) => toTokenName(other) === toTokenName(id))
    if (other === id) throw new ConfigurationError(`REPLICAS names '${id}' twice; each id is one replica's`)
    if (other !== undefined)
      throw new ConfigurationError(`REPLICAS names '${other}' and '${id}', which would share a secret`)
  }
}

/** The secret with the token to show to a replica: `TOKEN_NAS` for `nas`. */
function toTokenName(id: string): string {
  return `TOKEN_${id.toUpperCase().replace(/\W/g, '_')}`
}

function requireSeveral({ length }: readonly unknown[], { SINGLE }: CoordinatorEnv): void {
  if (length > 1 || SINGLE === 'true') return
  throw new ConfigurationError(
    "REPLICAS names one replica, which compares with nothing: name a second, or set SINGLE to 'true' if one is meant",
  )
}

function requireApart(items: readonly { readonly id: string; readonly url: string }[]): void {
  const overlap = findOverlap(items.map(({ id, url }) => ({ id, places: toPlaces(url) })))
  if (overlap !== null) throw new ConfigurationError(`REPLICAS: ${toOverlapText(overlap)}`)
}

function openReplica(
  id: string,
  url: string,
  { env, writable }: { readonly env: CoordinatorEnv; readonly writable: boolean },
): Storage {
  const name = toTokenName(id)
  const token = parseTokens(name, env[name])
  const variable = `'${id}' in REPLICAS`
  const storage = parseWord({ variable, url, env, writable, token })
  if (storage !== null) return storage
  throw new ConfigurationError(`the address of '${id}' in REPLICAS is none that a Worker reaches; ${TAKES}`)
}

/** The storage that `STORAGE` names. Throws ConfigurationError. */
export function parseStorage(env: ReplicaEnv, { writable }: { readonly writable: boolean }): Storage {
  const url = env.STORAGE?.trim() ?? ''
  const storage = parseWord({ variable: 'STORAGE', url, env, writable, token: null })
  if (storage !== null) return storage
  throw new ConfigurationError("STORAGE takes 'r2://BINDING' or 'r2://BINDING/folder'")
}
