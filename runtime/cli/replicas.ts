import { resolve } from 'node:path'
import type { Replica } from '../../functions/coordinator/gather.ts'
import {
  findOverlap,
  type Located,
  type Places,
  toOverlapText,
  toServerPlaces,
} from '../../functions/storage/overlap.ts'
import { createRemoteStorage, type Send } from '../../functions/storage/remote.ts'
import type { CoordinatorFlags, Flags, ReplicaWord } from '../node/configuration.ts'
import { createDirectoryStorage, type DirectoryStorage } from '../node/directory-storage.ts'
import type { SendOptions } from '../node/http-client.ts'
import type { IndexedReplica } from '../node/metrics.ts'
import { askPlaces, hidePlaces, toDirectoryPlaces } from '../node/places.ts'
import { Refusal } from '../node/refusal.ts'
import type { Reread } from '../node/reread.ts'
import type { TlsFiles } from '../node/tls.ts'
import type { Tokens } from '../node/tokens.ts'
import type { OpenedStore } from '../node/web-storage.ts'
import type { S3Word } from '../s3/place.ts'
import { openKeys } from './doors.ts'
import { type Io, say } from './io.ts'
import { type OwnDirectory, requireOutside, toIndexPath } from './outside.ts'

/** A directory of this machine, open. */
export interface OpenedDirectory extends OwnDirectory {
  readonly storage: DirectoryStorage
  /** As `hidePlaces` makes them. */
  readonly places: Places
}

/** Replicas that are open. Who opened them closes them. */
export interface OpenedReplicas {
  readonly replicas: readonly Replica[]
  /** Those of them that are directories of this machine. */
  readonly directories: readonly OpenedDirectory[]
  /** Those of them whose digests this machine keeps. */
  readonly indexed: readonly IndexedReplica[]
  /** What is shown to replica servers, and trusted of them. */
  readonly keys: Reread<TlsFiles> | undefined
  close(): Promise<void>
}

/** What a replica is opened with. */
export interface Opening {
  readonly flags: Flags
  readonly io: Io
  /** As `toIndexPath` returns it. */
  readonly indexPath: string | null
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
 * Refusal when one is not a directory, when two are one place, or when one lies inside another.
 */
export async function openReplicas(
  { replicas, timeouts, token, isWhole }: Replicas,
  flags: Flags,
  io: Io,
): Promise<OpenedReplicas> {
  const keys = openKeys(flags, io)
  const tls = keys?.get
  const own = replicas.flatMap(({ id, target }) =>
    target.kind === 'directory' ? { id, path: resolve(io.cwd, target.path) } : [],
  )
  requireOutside(io, own)
  const indexPath = toIndexPath(flags, io, own)
  const opening = openDirectories(own, { flags, io, indexPath, silence: timeouts?.silence })
  // Loaded while the threads of the directories start.
  const [directories, { createSend }] = await Promise.all([opening, import('../node/http-client.ts')])
  if (isWhole) for (const { storage } of directories) storage.warm()
  const connectMs = timeouts?.connect
  const stores: { readonly id: string; readonly store: OpenedStore }[] = []
  /** The address of a replica server, and where it reports itself that its files lie. */
  const locateServer = async (url: string, send: Send): Promise<Places> => {
    const { self } = hidePlaces(toServerPlaces(url))
    const told = await askPlaces(url, { send, token: token?.first, silence: timeouts?.silence })
    return { self: [...self, ...told.self], above: told.above }
  }
  const open = async ({ id, target }: ReplicaWord): Promise<(Replica & Located)[]> => {
    if (target.kind === 'directory') return directories.filter((directory) => directory.id === id)
    if (target.kind === 'remote') {
      const fetch = createSend({ connectMs, tls })
      const storage = createRemoteStorage(target.url, { fetch, token: token?.first })
      return [{ id, storage, places: await locateServer(target.url, fetch) }]
    }
    const store =
      target.kind === 's3'
        ? await openBucket({ id, word: target.word, connectMs }, { flags, io, indexPath })
        : await openWeb({ id, url: target.url, connectMs, tls }, { io, indexPath })
    stores.push({ id, store })
    return [{ id, storage: store.storage, places: hidePlaces(store.places) }]
  }
  const close = async () => {
    for (const { store } of stores) store.close()
    await Promise.all(directories.map(({ storage }) => storage.close()))
  }
  try {
    const opened = (await Promise.all(replicas.map(open))).flat()
    requireApart(opened)
    const indexed = [
      ...directories.map(({ id, storage }) => ({ id, index: storage })),
      ...stores.map(({ id, store }) => ({ id, index: store })),
    ]
    return { replicas: opened, directories, indexed, keys, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** Throws a Refusal when two replicas are one place, or one lies inside the other. */
function requireApart(located: readonly Located[]): void {
  const overlap = findOverlap(located)
  if (overlap !== null) throw new Refusal(`--replica: ${toOverlapText(overlap)}`)
}

/** Opens all of them at once, or none. */
async function openDirectories(
  own: readonly OwnDirectory[],
  opening: DirectoryOpening,
): Promise<OpenedDirectory[]> {
  const ended = await Promise.allSettled(own.map((directory) => openDirectory(directory, opening)))
  const opened = ended.flatMap((one) => (one.status === 'fulfilled' ? one.value : []))
  const failed = ended.find((one) => one.status === 'rejected')
  if (failed === undefined) return opened
  await Promise.all(opened.map(({ storage }) => storage.close()))
  throw failed.reason
}

/** What a directory is opened with. */
export interface DirectoryOpening extends Opening {
  /** See `ReadyOptions`. */
  readonly silence?: number | undefined
}

/**
 * The storage over a directory, as `openReplicas` opens it, for writing when the flags say so; who asks for it closes it.
 * One whose file system gives no answer in time is opened all the same, which is then said.
 */
export async function openDirectory(
  { id, path }: OwnDirectory,
  { flags, io, indexPath, silence }: DirectoryOpening,
): Promise<OpenedDirectory> {
  if ('Deno' in globalThis) {
    throw new Refusal(
      `Deno cannot open the directory of ${id}: its threads share no open files; serve it by vouch replica on Node or Bun`,
    )
  }
  const writable = flags['writable'] === true
  const onNotice = (line: string) => say(io, `${id}: ${line}`)
  const storage = createDirectoryStorage(path, { indexPath, writable, onNotice })
  try {
    const lineage = await storage.ready({ silence, signal: io.signal })
    return { id, path, storage, places: hidePlaces(toDirectoryPlaces(path, lineage)) }
  } catch (error) {
    await storage.close()
    io.signal?.throwIfAborted()
    const reason = error instanceof Error ? error.message : String(error)
    throw new Refusal(`${reason}; a replica is a directory that is there and may be read`)
  }
}

/** A bucket, as its word names it. */
export interface BucketWord {
  readonly id: string
  readonly word: S3Word
  /** Milliseconds; as it is usual when undefined. */
  readonly connectMs?: number | undefined
}

/** The storage over a bucket, for writing when the flags say so; who asks for it closes it. */
export async function openBucket(
  { id, word, connectMs }: BucketWord,
  { flags, io, indexPath }: Opening,
): Promise<OpenedStore> {
  // Nobody who has no bucket waits for it to be loaded.
  const { openS3Storage } = await import('../node/s3-storage.ts')
  return openS3Storage(word, {
    env: io.env,
    indexPath,
    writable: flags['writable'] === true,
    connectMs,
    onNotice: (line) => say(io, `${id}: ${line}`),
  })
}

async function openWeb(
  { id, url, ...send }: { readonly id: string; readonly url: string } & SendOptions,
  { io, indexPath }: Pick<Opening, 'io' | 'indexPath'>,
): Promise<OpenedStore> {
  const { openWebStorage } = await import('../node/web-storage.ts')
  const onNotice = (line: string) => say(io, `${id}: ${line}`)
  return openWebStorage(url, { ...send, indexPath, onNotice })
}
