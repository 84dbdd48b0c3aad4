import type { Replica } from '../../functions/coordinator/ask/member.ts'
import {
  findOverlap,
  formatOverlap,
  type Located,
  type Places,
  toServerPlaces,
} from '../../functions/storage/overlap.ts'
import type { Send } from '../../functions/storage/remote/remote.ts'
import {
  createDirectoryStorage,
  type DirectoryOptions,
  type DirectoryStorage,
} from '../node/directory-storage.ts'
import type { SendOptions } from '../node/http/http-client.ts'
import type { Reread } from '../node/http/reread.ts'
import type { TlsFiles } from '../node/http/tls.ts'
import type { Tokens } from '../node/http/tokens.ts'
import type { OpenedStore } from '../node/objects/open-stores.ts'
import type { IndexedReplica } from '../node/observe/metrics.ts'
import { isOnLocalDisk, isSmallTree } from '../node/tree/small-tree.ts'
import { UserError } from '../node/user-error.ts'
import { type KeyOptions, openKeys } from './access.ts'
import { type Label, toFlagLabel } from './flag.ts'
import type { toTimeouts } from './flags.ts'
import { type Io, say } from './io.ts'
import { type OwnDirectory, requireOutside, toIndexPath } from './outside.ts'
import { askPlaces, hidePlaces, toDirectoryPlaces } from './places.ts'
import { type ReplicaAddress, resolveTarget, type Target } from './replica-address.ts'

/** A directory of this machine, open. */
export interface OpenedDirectory extends OwnDirectory {
  readonly storage: DirectoryStorage
  /** As `hidePlaces` makes them. */
  readonly places: Places
}

/** Open replicas. The caller closes them. */
interface OpenedReplicas {
  readonly replicas: readonly Replica[]
  /** The directories of this machine among them. */
  readonly directories: readonly OpenedDirectory[]
  /** Those whose digest index is on this machine. */
  readonly indexed: readonly IndexedReplica[]
  /** The client certificate, and the authority trusted of replica servers. */
  readonly keys: Reread<TlsFiles> | undefined
  /** As `toIndexPath` returns it. */
  readonly indexPath: string | null
  close(): Promise<void>
}

interface Opening {
  readonly writable: boolean
  readonly io: Io
  /** As `toIndexPath` returns it. */
  readonly indexPath: string | null
  /** As in `ReplicasOptions`. */
  readonly reads?: Reads | undefined
  /** Whether no other directory is opened beside it. */
  readonly isOnly?: boolean | undefined
  /** For a directory: see `ReadyOptions`. */
  readonly silence?: number | undefined
}

function createNotice(id: string, io: Io): (line: string) => void {
  return (line) => say(io, `${id}: ${line}`)
}

/** Files by their names, whole trees, or every byte of them. */
export type Reads = 'files' | 'trees' | 'bytes'

/** The replicas to open, and how to reach those that are elsewhere. */
interface ReplicasOptions extends KeyOptions {
  readonly replicas: readonly ReplicaAddress[]
  /** What a program that ends soon reads of them; a server's when absent. */
  readonly reads?: Reads | undefined
  readonly writable?: boolean | undefined
  readonly timeouts?: ReturnType<typeof toTimeouts>
  readonly token?: Tokens | undefined
  /** The directory of the digest indexes. */
  readonly index?: string | undefined
  /** How messages name a flag; as on a command line when absent. */
  readonly label?: Label
}

/**
 * Opens replicas, relative paths starting at `io.cwd`. Rejects with a UserError when one is not a directory,
 * when two are one place, or when one lies inside another.
 */
export async function openReplicas(options: ReplicasOptions, io: Io): Promise<OpenedReplicas> {
  const { replicas, timeouts, token, reads, writable = false, label = toFlagLabel } = options
  const keys = openKeys(options, io)
  const addresses = replicas.map(({ id, target }) => ({ id, target: resolveTarget(target, io.cwd) }))
  const own = addresses.flatMap(({ id, target }) =>
    target.kind === 'directory' ? { id, path: target.path } : [],
  )
  requireOutside(io, own)
  const indexPath = toIndexPath(options.index, io, own)
  const { silence, connect: connectMs } = timeouts ?? {}
  const opening = { writable, io, indexPath, reads, silence, isOnly: own.length === 1 }
  const send = { connectMs, tls: keys?.get }
  const isRemote = replicas.some(({ target }) => target.kind === 'remote')
  const launched = own.map((directory) => launchDirectory(directory, opening))
  const [directories, client] = await Promise.all([
    openDirectories(launched, opening),
    isRemote ? loadClient(launched) : null,
  ])
  const stores: { readonly id: string; readonly store: OpenedStore }[] = []
  /** The places of a replica server: its address, and what it reports of its files. */
  const locateServer = async (url: string, send: Send): Promise<Places> => {
    const { self } = hidePlaces(toServerPlaces(url))
    const reported = await askPlaces(url, { send, token: token?.first, silence: timeouts?.silence })
    return { self: [...self, ...reported.self], above: reported.above }
  }
  const open = async ({ id, target }: ReplicaAddress): Promise<(Replica & Located)[]> => {
    if (target.kind === 'directory') return directories.filter((directory) => directory.id === id)
    if (client !== null && target.kind === 'remote') {
      const fetch = client.createSend(send)
      const storage = client.createRemoteStorage(target.url, { fetch, token: token?.first })
      return [{ id, storage, places: await locateServer(target.url, fetch) }]
    }
    if (target.kind !== 'store') throw new Error('a client is loaded for a replica server')
    const store = await openStore(id, target, { ...opening, ...send })
    stores.push({ id, store })
    return [{ id, storage: store.storage, places: hidePlaces(store.places) }]
  }
  const close = async () => {
    const opened = [...stores.map(({ store }) => store), ...directories.map(({ storage }) => storage)]
    await Promise.all(opened.map((one) => one.close()))
  }
  try {
    const opened = join((await Promise.all(addresses.map(open))).flat(), stores)
    const overlap = findOverlap(opened)
    if (overlap !== null) throw new UserError(`${label('replica')}: ${formatOverlap(overlap)}`)
    const indexed = [
      ...directories.map(({ id, storage }) => ({ id, index: storage })),
      ...stores.flatMap(({ id, store: { index } }) => (index === undefined ? [] : { id, index })),
    ]
    return { replicas: opened, directories, indexed, keys, indexPath, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** The replicas, with the storage of each store that is to be used beside the others. */
function join<R extends Replica>(
  replicas: readonly R[],
  stores: readonly { readonly id: string; readonly store: OpenedStore }[],
): R[] {
  return replicas.map((replica) => {
    const others = replicas.filter(({ id }) => id !== replica.id).map(({ storage }) => storage)
    const storage = stores.find(({ id }) => id === replica.id)?.store.beside?.(others)
    return storage === undefined ? replica : { ...replica, storage }
  })
}

/**
 * Loads what asks replica servers once the threads of the directories start: loading takes this thread for as
 * long.
 */
async function loadClient(launched: readonly Promise<Launched>[]) {
  await Promise.allSettled(launched)
  const { createSend } = await import('../node/http/http-client.ts')
  return { createSend, ...(await import('../../functions/storage/remote/remote.ts')) }
}

/** Opens all of them, or none. */
async function openDirectories(
  launched: readonly Promise<Launched>[],
  opening: Opening,
): Promise<OpenedDirectory[]> {
  const ended = await Promise.allSettled(launched.map(async (one) => await makeReady(await one, opening)))
  const opened = ended.flatMap((one) => (one.status === 'fulfilled' ? one.value : []))
  const failed = ended.find((one) => one.status === 'rejected')
  if (failed === undefined) return opened
  await Promise.all(opened.map(({ storage }) => storage.close()))
  throw failed.reason
}

/**
 * Opens the storage of a directory; the caller closes it. When its file system does not answer in time, it is
 * opened all the same, and a notice is printed.
 */
export async function openDirectory(directory: OwnDirectory, opening: Opening): Promise<OpenedDirectory> {
  return await makeReady(await launchDirectory(directory, opening), opening)
}

type Launched = Omit<OpenedDirectory, 'places'>

/** Creates the storage of a directory, and launches the thread that will walk it. */
async function launchDirectory(
  { id, path }: OwnDirectory,
  { writable, io, indexPath, reads, isOnly = false }: Opening,
): Promise<Launched> {
  if ('Deno' in globalThis) {
    throw new UserError(
      `Deno cannot open the directory of ${id}, because its threads cannot share open files; run vouch replica on Node or Bun to serve it`,
    )
  }
  const onNotice = createNotice(id, io)
  const here = writable || reads === undefined ? undefined : await chooseHere(path, reads, isOnly)
  const storage = createDirectoryStorage(path, { indexPath, writable, here, onNotice })
  if (reads === 'trees' || reads === 'bytes') storage.warm()
  return { id, path, storage }
}

async function makeReady(
  { id, path, storage }: Launched,
  { io, silence }: Opening,
): Promise<OpenedDirectory> {
  try {
    const lineage = await storage.ready({ silence, signal: io.signal })
    return { id, path, storage, places: hidePlaces(toDirectoryPlaces(path, lineage)) }
  } catch (error) {
    await storage.close()
    io.signal?.throwIfAborted()
    const reason = error instanceof Error ? error.message : String(error)
    throw new UserError(
      `${reason}; a replica must be an existing directory that this user may read, or manifest:PATH for a list of sums`,
      'io',
    )
  }
}

/** What a program that ends soon does sooner on its own thread. */
async function chooseHere(path: string, reads: Reads, isOnly: boolean): Promise<DirectoryOptions['here']> {
  if (!(await isOnLocalDisk(path))) return undefined
  // This thread has little else to do while trees are walked; several are, each on a thread of its own.
  if (reads === 'files' || (reads === 'trees' && isOnly) || isSmallTree(path)) return 'all'
  // What is asked of single files is then only the few that differ.
  return reads === 'trees' ? 'files' : undefined
}

/** Opens a store; the caller closes it. */
export async function openStore(
  id: string,
  { scheme, address }: Extract<Target, { kind: 'store' }>,
  { writable, io, indexPath, ...send }: Opening & SendOptions,
): Promise<OpenedStore> {
  const onNotice = createNotice(id, io)
  return await scheme.open(address, {
    ...send,
    env: io.env,
    signal: io.signal,
    indexPath,
    writable,
    onNotice,
  })
}
