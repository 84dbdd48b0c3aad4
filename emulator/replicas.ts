import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { WorkerOptions } from 'miniflare'
import { isValid } from '../functions/wire/json/parse.ts'
import { replicaId } from '../functions/wire/schemas/values.ts'
import { toReason } from '../runtime/node/files/errno.ts'
import { bundle } from './bundle.ts'

/**
 * A replica of the emulator: a server, which may be over a simulated bucket, or a bucket that the coordinator
 * is bound to.
 */
export interface EmulatedReplica {
  readonly id: string
  readonly kind: 'directory' | 'served bucket' | 'bucket'
  /** A directory, an absolute path, or the name of a bucket. */
  readonly place: string
}

/** The compatibility date of workerd; the installed one may not support a newer one. */
const COMPATIBILITY_DATE = '2026-01-01'

/**
 * The replicas that `words` name: a directory's path, `service://NAME` for a replica server over the
 * simulated bucket NAME, `r2://NAME` for that bucket itself. Throws when there is none, an id is not valid,
 * or a directory does not exist.
 */
export async function readReplicas(words: Readonly<Record<string, string>>): Promise<EmulatedReplica[]> {
  const entries = Object.entries(words)
  if (entries.length === 0) throw new Error('an emulator takes at least one replica')
  return await Promise.all(entries.map(([id, word]) => readReplica(id, word)))
}

async function readReplica(id: string, word: string): Promise<EmulatedReplica> {
  if (!isValid(replicaId, id) || id === 'emulator') throw new Error(`'${id}' is no id for a replica`)
  const [, scheme, name = ''] = /^(r2|service):\/\/([\w-]+)$/.exec(word) ?? []
  if (scheme !== undefined) return { id, kind: scheme === 'r2' ? 'bucket' : 'served bucket', place: name }
  const found = await stat(word).catch((error) => {
    throw new Error(`'${word}' cannot be opened as a directory: ${toReason(error)}`, { cause: error })
  })
  if (!found.isDirectory()) throw new Error(`'${word}' is not a directory`)
  return { id, kind: 'directory', place: resolve(word) }
}

/** A Worker of one module. */
export function toWorker(name: string, script: string) {
  return {
    name,
    modules: [{ type: 'ESModule' as const, path: `${name}.mjs`, contents: script }],
    compatibilityDate: COMPATIBILITY_DATE,
  }
}

/** The Workers of all replicas: the fault Worker of each, and behind it its server if it has one. */
export async function createReplicas(replicas: readonly EmulatedReplica[]): Promise<WorkerOptions[]> {
  const [server, faults] = await Promise.all([
    bundle('runtime/workers/replica.ts'),
    bundle('emulator/faults.ts'),
  ])
  return replicas.flatMap((replica) => [
    { ...toWorker(`faults:${replica.id}`, faults), ...toFaultsBindings(replica) },
    ...(replica.kind === 'bucket'
      ? []
      : [{ ...toWorker(`replica:${replica.id}`, server), ...toServerBindings(replica) }]),
  ])
}

/** The fault Worker forwards to a server, or to the service behind a bucket. */
function toFaultsBindings({ id, kind, place }: EmulatedReplica): Partial<WorkerOptions> {
  const r2Buckets = kind === 'directory' ? {} : { BUCKET: place }
  if (kind !== 'bucket') return { serviceBindings: { REPLICA: `replica:${id}` }, r2Buckets }
  return { unsafeBindings: [toBucketBinding('REPLICA', `r2:bucket:${place}`, false)], r2Buckets }
}

function toServerBindings({ kind, place }: EmulatedReplica): Partial<WorkerOptions> {
  const bindings = { OPEN: 'true' }
  return kind === 'directory'
    ? { bindings: { ...bindings, STORAGE: 'disk://FILES' }, unsafeBindings: [toDirectoryBinding(place)] }
    : { bindings: { ...bindings, STORAGE: 'r2://FILES' }, r2Buckets: { FILES: place } }
}

/** The variable and the bindings by which a coordinator reaches the replicas, each through its faults. */
export function toCoordinatorBindings(replicas: readonly EmulatedReplica[]): Partial<WorkerOptions> {
  const words = replicas.map(
    ({ id, kind }, i) => `${id}=${kind === 'bucket' ? 'r2' : 'service'}://REPLICA_${i}`,
  )
  const buckets = replicas.flatMap(({ id, kind }, i) =>
    kind === 'bucket' ? [toBucketBinding(`REPLICA_${i}`, `core:user:faults:${id}`, true)] : [],
  )
  return {
    bindings: { REPLICAS: words.join(','), SINGLE: 'true', OPEN: 'true' },
    serviceBindings: toServiceBindings(replicas, ({ kind }) => kind !== 'bucket'),
    unsafeBindings: buckets,
  }
}

/** The fault Workers of the selected replicas, under `REPLICA_` and their index. */
export function toServiceBindings(
  replicas: readonly EmulatedReplica[],
  isWanted: (replica: EmulatedReplica) => boolean = () => true,
): Record<string, string> {
  const bindings = replicas.flatMap((replica, i) =>
    isWanted(replica) ? [[`REPLICA_${i}`, `faults:${replica.id}`]] : [],
  )
  return Object.fromEntries(bindings)
}

/** A binding of `bucket-plugin.ts`. */
export function toBucketBinding(name: string, service: string, isBucket: boolean, address?: string) {
  const options = { service, isBucket, ...(address !== undefined && { address }) }
  return { name, type: 'bucket', plugin: toPlugin('bucket'), options }
}

function toDirectoryBinding(path: string) {
  return { name: 'FILES', type: 'directory', plugin: toPlugin('disk', 'directory'), options: { path } }
}

function toPlugin(file: string, name = file) {
  return { name, package: fileURLToPath(new URL(`./${file}-plugin.ts`, import.meta.url)) }
}
