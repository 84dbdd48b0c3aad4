import type { Storage } from '../storage/storage.ts'
import { toStorageError } from '../wire/trouble.ts'
import type { Answer } from './compare.ts'
import { withDeadline } from './silence.ts'

/** One named holder of copies. */
export interface Replica {
  /** A token of RFC 9651 (see `replicaId` in wire/schemas.ts), unlike every other replica's. */
  readonly id: string
  readonly storage: Storage
}

/** Asks all replicas for one name at once: an answer for each, in their order. Never rejects. */
export async function gather(replicas: readonly Replica[], name: string): Promise<Answer[]> {
  return await Promise.all(replicas.map((replica) => ask(replica, name)))
}

/** Asks one replica for one name; a replica that is silent for too long has not answered. Never rejects. */
export async function ask({ id, storage }: Replica, name: string): Promise<Answer> {
  try {
    const said = await withDeadline(async ({ signal, reset }) => {
      return (await storage.describe([name], { signal, onProgress: reset })[0]) ?? null
    })
    return { id, said }
  } catch (error) {
    return { id, said: toStorageError(error) }
  }
}
