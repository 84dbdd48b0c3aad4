import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Log, LogLevel, Miniflare, type WorkerOptions } from 'miniflare'
import * as v from 'valibot'
import { replicaId } from '../functions/wire/schemas.ts'
import { bundle } from './bundle.ts'
import type { Fault } from './fault.ts'
import { passOutputOn } from './runtime-output.ts'

export interface EmulatorOptions {
  /** The directory of each replica by its id, in the order in which the coordinator knows them. */
  readonly replicas: Readonly<Record<string, string>>
  /** 127.0.0.1 when absent. */
  readonly host?: string | undefined
  /** A free one when absent or 0. */
  readonly port?: number | undefined
}

/** A cluster on this machine. Whoever started it closes it. */
export interface Emulator {
  /** Of the coordinator, without a slash at its end. */
  readonly url: string
  /** Sends a request to the coordinator, or, by a path that starts with `/~{id}/`, to that replica. */
  fetch(target: string | Request, init?: RequestInit): Promise<Response>
  /** Makes a replica misbehave from now on, or behave again (null). Rejects for an id that no replica has. */
  setFault(id: string, fault: Fault | null): Promise<void>
  /** Ends all of it; answers under way break off. */
  close(): Promise<void>
}

/** What workerd runs as; newer than this, the installed one may not know. */
const COMPATIBILITY_DATE = '2026-01-01'

/**
 * Starts a replica in workerd for each directory, and a coordinator that reaches them by service bindings, all behind
 * one port. Throws when there is no replica, an id is none, a directory is not there, or the port is taken.
 */
export async function startEmulator({
  replicas,
  host = '127.0.0.1',
  port = 0,
}: EmulatorOptions): Promise<Emulator> {
  const ids = Object.keys(replicas)
  await requireReplicas(replicas)
  const miniflare = new Miniflare({
    // Miniflare's own door rewrites answers (compression, error pages), so ours has a socket of its own.
    host: '127.0.0.1',
    port: 0,
    cf: false,
    telemetry: { enabled: false },
    log: new Log(LogLevel.NONE),
    handleRuntimeStdio: passOutputOn,
    workers: [
      await createDoor(ids, { host, port }),
      await createCoordinator(ids),
      ...(await createReplicas(replicas)),
    ],
  })
  try {
    const url = (await miniflare.unsafeGetDirectURL('door')).origin
    return toEmulator(miniflare, url)
  } catch (error) {
    await miniflare.dispose()
    throw error
  }
}

function toEmulator(miniflare: Miniflare, url: string): Emulator {
  return {
    url,
    fetch: (target, init) => fetch(typeof target === 'string' ? url + target : target, init),
    async setFault(id, fault) {
      const init = fault === null ? { method: 'DELETE' } : { method: 'PUT', body: JSON.stringify(fault) }
      const response = await fetch(`${url}/~emulator/faults/${encodeURIComponent(id)}`, init)
      if (!response.ok) throw new Error(await response.text())
      await response.body?.cancel()
    },
    close: () => miniflare.dispose(),
  }
}

async function requireReplicas(replicas: Readonly<Record<string, string>>): Promise<void> {
  if (Object.keys(replicas).length === 0) throw new Error('an emulator takes at least one replica')
  for (const [id, path] of Object.entries(replicas)) {
    if (!v.is(replicaId, id) || id === 'emulator') throw new Error(`'${id}' is no id for a replica`)
    const found = await stat(path).catch(() => null)
    if (!found?.isDirectory()) throw new Error(`'${path}' is no directory`)
  }
}

async function createDoor(
  ids: readonly string[],
  socket: { host: string; port: number },
): Promise<WorkerOptions> {
  return {
    ...toWorker('door', await bundle('emulator/door.ts')),
    unsafeDirectSockets: [socket],
    bindings: { IDS: [...ids] },
    serviceBindings: { COORDINATOR: 'coordinator', ...toReplicaBindings(ids) },
  }
}

async function createCoordinator(ids: readonly string[]): Promise<WorkerOptions> {
  return {
    ...toWorker('coordinator', await bundle('runtime/workers/coordinator.ts')),
    bindings: { REPLICAS: ids.map((id, i) => `${id}=service://REPLICA_${i}`).join(',') },
    serviceBindings: toReplicaBindings(ids),
  }
}

async function createReplicas(replicas: Readonly<Record<string, string>>): Promise<WorkerOptions[]> {
  const [replica, faults] = await Promise.all([
    bundle('runtime/workers/replica.ts'),
    bundle('emulator/faults.ts'),
  ])
  return Object.entries(replicas).flatMap(([id, path]) => [
    { ...toWorker(`faults:${id}`, faults), serviceBindings: { REPLICA: `replica:${id}` } },
    { ...toWorker(`replica:${id}`, replica), unsafeBindings: [toDirectoryBinding(resolve(path))] },
  ])
}

function toWorker(name: string, script: string) {
  return {
    name,
    modules: [{ type: 'ESModule' as const, path: `${name}.mjs`, contents: script }],
    compatibilityDate: COMPATIBILITY_DATE,
  }
}

/** Every replica is reached through its faults. */
function toReplicaBindings(ids: readonly string[]): Record<string, string> {
  return Object.fromEntries(ids.map((id, i) => [`REPLICA_${i}`, `faults:${id}`]))
}

function toDirectoryBinding(path: string) {
  const plugin = { name: 'directory', package: fileURLToPath(new URL('./disk-plugin.ts', import.meta.url)) }
  return { name: 'FILES', type: 'directory', plugin, options: { path } }
}
