import { resolve } from 'node:path'
import type { Replica } from '../../functions/coordinator/gather.ts'
import { createRemoteStorage } from '../../functions/storage/remote.ts'
import type { CoordinatorFlags, Flags, ReplicaWord } from '../node/configuration.ts'
import { createDirectoryStorage, type DirectoryStorage } from '../node/directory-storage.ts'
import { toIndexDirectory } from '../node/index-path.ts'
import { Refusal } from '../node/refusal.ts'
import type { Tokens } from '../node/tokens.ts'
import { openKeys } from './doors.ts'
import { type Io, say } from './io.ts'

/** A directory of this machine, open. */
export interface OpenedDirectory {
  readonly id: string
  readonly storage: DirectoryStorage
}

/** Replicas that are open. Who opened them closes them. */
export interface OpenedReplicas {
  readonly replicas: readonly Replica[]
  /** Those of them that are directories of this machine. */
  readonly directories: readonly OpenedDirectory[]
  close(): Promise<void>
}

/** What of the flags says which replicas there are, how to reach those that are elsewhere, and what for. */
export interface Replicas extends Pick<CoordinatorFlags, 'replicas'> {
  /** Whether they will be gone through as a whole, for which those of this machine then get ready. */
  readonly isWhole?: boolean
  readonly timeouts?: CoordinatorFlags['timeouts']
  readonly token?: Tokens | undefined
}

/**
 * Opens the replicas that flags name, paths taken from `io.cwd`, their digest indexes where `flags` say; rejects with a
 * Refusal when one is no directory.
 */
export async function openReplicas(
  { replicas, timeouts, token, isWhole }: Replicas,
  flags: Flags,
  io: Io,
): Promise<OpenedReplicas> {
  const tls = openKeys(flags, io)
  const directories = replicas.flatMap(({ id, target }) =>
    target.kind === 'remote' ? [] : openDirectory({ id, path: target.path }, flags, io),
  )
  if (isWhole) for (const { storage } of directories) storage.warm()
  // Loaded while the threads of the directories start.
  const { createSend } = await import('../node/http-client.ts')
  const open = ({ id, target }: ReplicaWord): Replica[] => {
    if (target.kind !== 'remote') return directories.filter((directory) => directory.id === id)
    const fetch = createSend({ connectMs: timeouts?.connect, tls })
    return [{ id, storage: createRemoteStorage(target.url, { fetch, token: token?.first }) }]
  }
  return {
    replicas: replicas.flatMap(open),
    directories,
    async close() {
      await Promise.all(directories.map(({ storage }) => storage.close()))
    },
  }
}

/** The storage over a directory, as `openReplicas` opens it, for writing when the flags say so; who asks for it closes it. */
export function openDirectory(
  { id, path }: { readonly id: string; readonly path: string },
  flags: Flags,
  io: Io,
): OpenedDirectory {
  const indexPath = toIndexPath(flags, io)
  const writable = flags['writable'] === true
  const onNotice = (line: string) => say(io, `${id}: ${line}`)
  try {
    return { id, storage: createDirectoryStorage(resolve(io.cwd, path), { indexPath, writable, onNotice }) }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new Refusal(`${reason}; a replica is a directory that is there and may be read`)
  }
}

/** The directory of the digest indexes that `--index` names, or the user's own; null where there is neither. */
function toIndexPath({ index }: Flags, { cwd, env }: Io): string | null {
  if (index === undefined) return toIndexDirectory(env)
  if (index === '') throw new Refusal("--index takes the path of a directory, got ''")
  return resolve(cwd, String(index))
}
