import { randomUUID } from 'node:crypto'
import { type BigIntStats, closeSync, linkSync, lstatSync, openSync, renameSync } from 'node:fs'
import { type FileHandle, link, lstat, open } from 'node:fs/promises'
import type { Digest } from '../../../functions/wire/digest.ts'
import { StorageError, settle } from '../../../functions/wire/storage-error.ts'
import { getErrno, isAbsence, isWithoutLinks } from '../files/errno.ts'
import { copyAttributes } from '../files/file-attributes.ts'
import type { FileReader } from '../files/file-reader.ts'
import { type Identity, isSame, isSameContent, readIdentitySync, toIdentity } from '../files/identity.ts'
import { FILE_FLAGS, type RegularFile } from '../files/regular-file.ts'
import type { Root } from '../files/root.ts'
import { toKeptPath, toShelf } from './kept-place.ts'
import type { LinkProbe } from './link-probe.ts'
import type { Locks } from './locks.ts'
import { makeDirectories, withOwnDirectory } from './make-directories.ts'
import { fill, ignoreMissing, type TempFile, type TempFiles } from './temp-files.ts'
import { withWriteLock } from './write-lock.ts'

export interface Keeping {
  readonly root: Root
  /** Reads below the same root. */
  readonly reader: FileReader
  /** Those of this file system; their owner closes them. */
  readonly tempFiles: TempFiles
  /** Shared by all writers of a storage. */
  readonly links: LinkProbe
}

/** What is needed to write files below a root. */
export interface Writing extends Keeping {
  /** Shared by all writers of a storage. */
  readonly lock: Locks
  /** Called before anything is written, once the condition of a write holds. */
  readonly prepare: () => Promise<void>
  /** Throws when a file of this name that was just made is listed under another. */
  readonly requireListed: (name: string) => Promise<void>
}

/** A file that is about to be replaced, as it was read. */
export interface Replaced {
  readonly name: string
  /** Leads through its open directory. */
  readonly path: string
  readonly digest: Digest
  readonly identity: Identity
  /** How many names the file has, with its hard links. */
  readonly links: bigint
  readonly signal: AbortSignal | undefined
}

/** What lies where a content is to be kept, and is not that content. */
interface Wrong {
  readonly stats: BigIntStats
  readonly shelf: string
}

/** The file itself by a second name, or `apart` from it; `changed` when it is not the one that was read. */
type KeptAs = 'linked' | 'apart' | 'changed'

/** Keeps the content of a file that is about to be replaced, durably. Moves aside what is in its place. */
export async function keepReplaced(keeping: Keeping, file: Replaced): Promise<KeptAs> {
  for (let n = 0; ; n++) {
    const kept = await keepOn(keeping, toShelf(n), file)
    if (kept !== 'blocked') return kept
  }
}

async function keepOn(keeping: Keeping, shelf: string, file: Replaced): Promise<KeptAs | 'blocked'> {
  const segments = toKeptPath(shelf, file.digest, file.name).split('/')
  const directory = await settle(makeDirectories(keeping.root, segments.slice(0, -1), { mode: 0o700 }))
  if (directory instanceof StorageError) {
    if (directory.code === 'precondition') return 'blocked'
    throw directory
  }
  try {
    const path = `${directory.path}/${segments.at(-1)}`
    const kept = await keepAt(keeping, path, shelf, file)
    if (kept === 'blocked' || kept === 'changed') return kept
    // Its creator may not have synced a content that was there already.
    await withFile(path, (handle) => handle.sync())
    await directory.handle.sync()
    return kept
  } finally {
    await directory.handle.close()
  }
}

/** Leaves what lies there already when it is the right content, and has no other name to write to it by. */
async function keepAt(
  keeping: Keeping,
  path: string,
  shelf: string,
  file: Replaced,
): Promise<KeptAs | 'blocked'> {
  const there = await lstat(path, { bigint: true }).catch(ignoreMissing)
  if (there === null) return await place(keeping, path, file, null)
  if (there.isDirectory()) return 'blocked'
  if (there.ino === file.identity.inode && there.dev === file.identity.device) {
    if (!isSameContent(toIdentity(there), file.identity)) return 'changed'
    if (file.links === 2n) return 'linked'
  } else if (there.nlink === 1n && (await isIntact(keeping, shelf, file))) {
    // `listKept` reports the time of change as that of the replacement: the mode stays, set-id bits included.
    await withFile(path, (handle) => handle.chmod(Number(there.mode & 0o7777n)))
    return 'apart'
  }
  return await place(keeping, path, file, { stats: there, shelf })
}

/** Whether the content that is kept already is still right. */
async function isIntact(
  { reader }: Keeping,
  shelf: string,
  { digest, name, signal }: Replaced,
): Promise<boolean> {
  const kept = await settle(reader.readCurrent(toKeptPath(shelf, digest, name), { signal }))
  if (kept instanceof StorageError && kept.code === 'unreachable') throw kept
  return !(kept instanceof StorageError) && kept?.digest === digest
}

/** Links a file; copies it when it has other names, which may be written to, or no recognizable link. */
async function place(keeping: Keeping, path: string, file: Replaced, wrong: Wrong | null): Promise<KeptAs> {
  const kept = file.links === 1n ? await linkTo(keeping, path, file, wrong) : 'without links'
  return kept === 'without links' ? await copy(keeping, path, file, wrong) : kept
}

/** Links by way of a temporary name, so that nothing appears at `path` before it was checked. */
async function linkTo(
  keeping: Keeping,
  path: string,
  file: Replaced,
  wrong: Wrong | null,
): Promise<KeptAs | 'without links'> {
  const { root, tempFiles, links } = keeping
  if (!(await links.showsLinks(root, tempFiles))) return 'without links'
  return await tempFiles.withPath(async (own) => {
    try {
      await link(file.path, own)
    } catch (error) {
      if (getErrno(error) === 'ENOENT') return 'changed'
      if (isWithoutLinks(error)) return 'without links'
      throw error
    }
    if (!isSameContent(toIdentity(await lstat(own, { bigint: true })), file.identity)) {
      links.forget(root)
      return 'changed'
    }
    return (await install(root, own, path, file, wrong)) ? 'linked' : 'changed'
  })
}

async function copy(
  { root, reader, tempFiles }: Keeping,
  path: string,
  file: Replaced,
  wrong: Wrong | null,
): Promise<KeptAs> {
  const { name, digest, signal } = file
  const opened = await settle(reader.open(name, { ifDigest: digest, signal }))
  if (opened === null) return 'changed'
  if (opened instanceof StorageError) return toChanged(opened)
  const { facts, body } = opened
  return await tempFiles.withFile(async (temp) => {
    const filled = await settle(fill(temp.handle, body, { size: facts.size, digest, signal }))
    if (filled instanceof StorageError) return toChanged(filled)
    if (!(await tryCopyAttributes(file, temp))) return 'changed'
    await temp.handle.sync()
    return (await install(root, temp.path, path, file, wrong)) ? 'apart' : 'changed'
  })
}

/** Gives a copy the attributes of the file, time included; false when it is no longer that file. */
async function tryCopyAttributes({ path, identity }: Replaced, { handle }: TempFile): Promise<boolean> {
  const original = openOriginal(path, (now) => isSame(now, identity))
  if (original === null) return false
  try {
    await copyAttributes(original.fd, handle, { withTime: true })
    return true
  } finally {
    closeSync(original.fd)
  }
}

/**
 * Moves `own` to its place, where at no instant less may lie than before: another process may rely on it.
 * Returns whether what was looked at, or nothing, was still there.
 */
async function install(
  root: Root,
  own: string,
  path: string,
  { digest }: Replaced,
  wrong: Wrong | null,
): Promise<boolean> {
  if (wrong === null) return await withWriteLock(root, () => moveTo(own, path, null))
  return await withOwnDirectory(root, [wrong.shelf, `${digest}~${randomUUID()}`], async (directory) => {
    const aside = `${directory.path}/${path.slice(path.lastIndexOf('/') + 1)}`
    const isDone = await withWriteLock(root, () => moveTo(own, path, { stats: wrong.stats, aside }))
    await directory.handle.sync()
    return isDone
  })
}

function moveTo(
  own: string,
  path: string,
  wrong: { readonly stats: BigIntStats; readonly aside: string } | null,
): boolean {
  const now = lstatSync(path, { bigint: true, throwIfNoEntry: false })
  const isAsSeen = wrong ? now && isSame(toIdentity(now), toIdentity(wrong.stats)) : now === undefined
  if (!isAsSeen) return false
  if (wrong !== null) putAside(path, wrong.aside)
  renameSync(own, path)
  return true
}

/** Gives a file a second name, which outlives the first. */
function putAside(path: string, aside: string): void {
  try {
    linkSync(path, aside)
  } catch (error) {
    if (!isWithoutLinks(error)) throw error
    renameSync(path, aside)
  }
}

function toChanged(error: StorageError): 'changed' {
  if (error.code === 'changed') return error.code
  throw error
}

/** Opens the file at `path` if its identity `isWanted`; null for another, or none. The caller closes `fd`. */
export function openOriginal(path: string, isWanted: (now: Identity) => boolean): RegularFile | null {
  let fd: number
  try {
    fd = openSync(path, FILE_FLAGS)
  } catch (error) {
    if (isAbsence(error) || getErrno(error) === 'ELOOP') return null
    throw error
  }
  const identity = readIdentitySync(fd)
  if (isWanted(identity)) return { fd, identity }
  closeSync(fd)
  return null
}

async function withFile(path: string, use: (handle: FileHandle) => Promise<void>): Promise<void> {
  const handle = await open(path, FILE_FLAGS)
  try {
    await use(handle)
  } finally {
    await handle.close()
  }
}
