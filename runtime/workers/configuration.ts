import * as v from 'valibot'
import { createRemoteStorage } from '../../functions/storage/remote.ts'
import type { Storage } from '../../functions/storage/storage.ts'
import { replicaId } from '../../functions/wire/schemas.ts'
import { toFetcher } from './bindings.ts'
import { inLargeChunks } from './chunks.ts'

/** Bindings and variables of a coordinator Worker; `service://` names others among them. */
export interface CoordinatorEnv {
  /** `server1=service://SERVER1,nas=https://nas.example:6002`: what `--replica` takes, comma-separated. */
  readonly REPLICAS?: string
  readonly [binding: string]: unknown
}

/** A variable that cannot be worked with. Its message is shown to clients, so it names ids and never an address. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError'
}

/** The replicas that `REPLICAS` names, in its order. Throws ConfigurationError. */
export function parseReplicas(env: CoordinatorEnv): { id: string; storage: Storage }[] {
  const text = env.REPLICAS?.trim() ?? ''
  if (text === '') throw new ConfigurationError(`REPLICAS is empty; ${TAKES}`)
  const replicas = text.split(',').map((item, i) => parseReplica(item.trim(), i, env))
  const ids = replicas.map(({ id }) => id)
  const twice = ids.find((id, i) => ids.indexOf(id) !== i)
  if (twice !== undefined)
    throw new ConfigurationError(`REPLICAS names '${twice}' twice; each id is one replica's`)
  return replicas
}

const TAKES = "it takes 'id=https://host:port' or 'id=service://BINDING', comma-separated"

function parseReplica(item: string, index: number, env: CoordinatorEnv): { id: string; storage: Storage } {
  const [, id = '', url = ''] = /^([^=]*)=(.*)$/.exec(item) ?? []
  if (!v.is(replicaId, id)) throw new ConfigurationError(`item ${index + 1} of REPLICAS has no id; ${TAKES}`)
  return { id, storage: createStorage(id, url, env) }
}

function createStorage(id: string, url: string, env: CoordinatorEnv): Storage {
  const binding = /^service:\/\/(\w+)\/?$/.exec(url)?.[1]
  if (binding === undefined) {
    return createRemoteStorage(requireHttp(id, url), {
      fetch: async (url, init) => inLargeChunks(await fetch(url, init)),
    })
  }
  const service = toFetcher(env[binding])
  if (service === null)
    throw new ConfigurationError(`REPLICAS wants a service bound to ${binding} for '${id}'`)
  // The binding leads there whatever the address says; a request needs one all the same.
  return createRemoteStorage('http://replica', {
    fetch: async (url, init) => inLargeChunks(await service.fetch(url, init)),
  })
}

function requireHttp(id: string, url: string): string {
  const protocol = URL.parse(url)?.protocol
  if (protocol === 'http:' || protocol === 'https:') return url
  throw new ConfigurationError(`the address of '${id}' in REPLICAS is none that a Worker reaches; ${TAKES}`)
}
