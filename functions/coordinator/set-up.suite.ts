import { createHash, type Hash } from 'node:crypto'
import { createRemoteStorage } from '../storage/remote/remote.ts'
import type { Storage } from '../storage/storage.ts'
import type { Hasher } from '../wire/digest.ts'
import { type CoordinatorOptions, createCoordinator } from './coordinator.ts'

/** Creates a coordinator of `storages`, whose ids are server1, server2 and so on unless `toId` names them. */
export function coordinate(
  storages: readonly Storage[],
  options: Partial<CoordinatorOptions> = {},
  toId = (i: number) => `server${i + 1}`,
) {
  const replicas = storages.map((storage, i) => ({ id: toId(i), storage }))
  return createCoordinator(replicas, { createHasher, ...options })
}

/** A remote replica that refuses the connection. */
export const refusing = createRemoteStorage('http://replica.invalid', {
  fetch: () => Promise.reject(Object.assign(new TypeError('fetch failed'), { code: 'ECONNREFUSED' })),
})

/** A synchronous hasher: Web Crypto takes real time, which simulated time does not wait for. */
export function createHasher(hash: Hash = createHash('sha256')): Hasher {
  return {
    update: (bytes) => void hash.update(bytes),
    digest: () => hash.digest('hex'),
    copy: () => createHasher(hash.copy()),
  }
}
