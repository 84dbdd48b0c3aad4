import { Miniflare, type WorkerOptions } from 'miniflare'
import { type Bucket, openBucket } from './bucket.ts'
import { bundle } from './bundle.ts'
import type { Fault } from './fault.ts'
import {
  createReplicas,
  type EmulatedReplica,
  readReplicas,
  toCoordinatorBindings,
  toServiceBindings,
  toWorker,
} from './replicas.ts'
import { RUNTIME } from './runtime-output.ts'

export interface EmulatorOptions {
  /**
   * Where each replica keeps its files, by its id and in the order in which the coordinator knows them: a
   * directory, or `r2://NAME`, a simulated bucket that the coordinator is bound to, or `service://NAME`, a
   * replica server over one.
   */
  readonly replicas: Readonly<Record<string, string>>
  /** The directory that keeps the simulated buckets; they last as long as the emulator when absent. */
  readonly buckets?: string | undefined
  /** 127.0.0.1 when absent. */
  readonly host?: string | undefined
  /** A free one when absent or 0. */
  readonly port?: number | undefined
}

/** A cluster on this machine. The caller closes it. */
export interface Emulator {
  /** Of the coordinator, without a slash at its end. */
  readonly url: string
  /** Sends a request to the coordinator, or, by a path that starts with `/~{id}/`, to that replica. */
  fetch(target: string | Request, init?: RequestInit): Promise<Response>
  /** The simulated bucket of a replica that has one. */
  openBucket(id: string): Promise<Bucket>
  /** Makes a replica misbehave from now on, or behave again (null). Rejects for an id that no replica has. */
  setFault(id: string, fault: Fault | null): Promise<void>
  /** Ends all of it; answers under way break off. */
  close(): Promise<void>
}

/**
 * Starts a replica in workerd for each word, and a coordinator that reaches them by bindings, all behind one
 * port. Throws when there is no replica, an id is not valid, a directory does not exist, or the port is in
 * use.
 */
export async function startEmulator(options: EmulatorOptions): Promise<Emulator> {
  const { host = '127.0.0.1', port = 0, buckets } = options
  const replicas = await readReplicas(options.replicas)
  const miniflare = new Miniflare({
    // Miniflare's own server rewrites answers (compression, error pages), so the emulator has a socket of its
    // own.
    ...RUNTIME,
    port: 0,
    ...(buckets !== undefined && { r2Persist: buckets }),
    workers: [
      await createDoor(replicas, { host, port }),
      await createCoordinator(replicas),
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
    openBucket: async (id) => await openBucket(miniflare, 'BUCKET', `faults:${id}`),
    close: () => miniflare.dispose(),
  }
}

async function createDoor(
  replicas: readonly EmulatedReplica[],
  socket: { host: string; port: number },
): Promise<WorkerOptions> {
  return {
    ...toWorker('door', await bundle('emulator/router.ts')),
    unsafeDirectSockets: [socket],
    bindings: {
      IDS: replicas.map(({ id }) => id),
      BUCKETS: replicas.filter(({ kind }) => kind === 'bucket').map(({ id }) => id),
    },
    serviceBindings: { COORDINATOR: 'coordinator', ...toServiceBindings(replicas) },
  }
}

async function createCoordinator(replicas: readonly EmulatedReplica[]): Promise<WorkerOptions> {
  return {
    ...toWorker('coordinator', await bundle('runtime/workers/coordinator.ts')),
    ...toCoordinatorBindings(replicas),
  }
}
