import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { WorkerOptions } from 'miniflare'
import { isValid } from '../functions/wire/parse.ts'
import { replicaId } from '../functions/wire/schemas.ts'
import { toReason } from '../runtime/node/errno.ts'
import { bundle } from './bundle.ts'

/** A replica of the emulator: a server, which may be over a simulated bucket, or a bucket that the coordinator is bound to. */
export interface EmulatedReplica {
  readonly id: string
  readonly kind: 'directory' | 'served bucket' | 'bucket'
  /** A directory, an absolute path, or the name of a bucket. */
  readonly place: string
}

/** What workerd runs as; newer than this, the installed one may not know. */
const COMPATIBILITY_DATE = '2026-01-01'

/**
 * The replicas that are meant by `words`: a directory's path, `service://NAME` for a replica server over the simulated
 * bucket NAME, `r2://NAME` for that bucket itself. Throws when there is none, an id is none, or a directory is not there.
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

/** The Workers of all replicas: what makes each misbehave, and behind it its server where it has one. */
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

/** What misbehaves leads on to a server, or to what is behind a bucket. */
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

/** What makes each replica misbehave, under `REPLICA_` and its place; those alone that are wanted. */
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
