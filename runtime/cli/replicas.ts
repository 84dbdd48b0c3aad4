import { resolve } from 'node:path'
import type { Replica } from '../../functions/coordinator/gather.ts'
import { createRemoteStorage } from '../../functions/storage/remote.ts'
import type { Storage } from '../../functions/storage/storage.ts'
import type { ReplicaWord } from '../node/configuration.ts'
import { createDirectoryStorage } from '../node/directory-storage.ts'
import { Refusal } from '../node/refusal.ts'

/** The replicas that words name, paths taken from `cwd`; throws a Refusal when one is no directory. */
export function openReplicas(words: readonly ReplicaWord[], cwd: string): Replica[] {
  return words.map(({ id, target }) => ({
    id,
    storage: target.kind === 'remote' ? createRemoteStorage(target.url) : openDirectory(target.path, cwd),
  }))
}

/** The storage over a directory, its path taken from `cwd`; throws a Refusal when it is none. */
export function openDirectory(path: string, cwd: string): Storage {
  try {
    return createDirectoryStorage(resolve(cwd, path))
  } catch (error) {
    throw new Refusal(error instanceof Error ? error.message : String(error))
  }
}
