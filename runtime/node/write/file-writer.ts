import { closeSync, fstatSync, lstatSync, renameSync, unlinkSync } from 'node:fs'
import { type FileHandle, link, lstat, realpath } from 'node:fs/promises'
import { dirname } from 'node:path'
import { primed, toChunks, toStream } from '../../../functions/bytes/chunks.ts'
import { notKept } from '../../../functions/storage/kept.ts'
import { requireName } from '../../../functions/storage/names.ts'
import type {
  PutOptions,
  RestoreOptions,
  WritableStorage,
  Written,
} from '../../../functions/storage/storage.ts'
import type { Unkept } from '../../../functions/wire/attributes.ts'
import { changedWhileReadError, integrityError } from '../../../functions/wire/errors.ts'
import { StorageError, settle } from '../../../functions/wire/storage-error.ts'
import type { Directory } from '../files/directory.ts'
import { getErrno, isAbsence, isWithoutLinks, toIoError } from '../files/errno.ts'
import { copyAttributes, dressNew, setModified } from '../files/file-attributes.ts'
import { isSame, isSameContent, toIdentity, toTime } from '../files/identity.ts'
import { openFile, type RegularFile, requireSegments } from '../files/regular-file.ts'
import { type Root, toPath } from '../files/root.ts'
import { MAX_ATTEMPTS } from '../limits.ts'
import { keepReplaced, openOriginal, type Writing } from './keep-replaced.ts'
import { findShelves, toKeptPath } from './kept-place.ts'
import { taken, unexpected, withParent } from './make-directories.ts'
import { fill, type TempFile } from './temp-files.ts'
import { withWriteLock } from './write-lock.ts'

/** A write, of a content that was put or of one that is restored. */
interface WriteOptions extends PutOptions {
  /** The kept content whose time and attributes the new file gets; see `copyAttributes`. */
  readonly like?: number | undefined
}

/**
 * Writes files below `root`, each by way of a temporary file, and keeps what they replace below
 * `.vouch/kept/`; see `WritableStorage.put`. A body is read to its end or cancelled.
 */
export function createFileWriter(options: Writing): Pick<WritableStorage, 'put' | 'restore'> {
  return {
    async put(name, body, { modes, ...rest }) {
      const isWhole = modes?.length === name.split('/').length
      return await write(options, name, body, { ...rest, modes: isWhole ? modes : undefined })
    },
    restore: (name, rest) => restore(options, name, rest),
  }
}

async function write(
  writer: Writing,
  name: string,
  body: ReadableStream<Uint8Array>,
  options: WriteOptions,
): Promise<Written> {
  const chunks = toChunks(toStream(toChunks(body), options.signal))
  try {
    options.signal?.throwIfAborted()
    await requireExpected(writer, name, options)
    // A client that sends nothing costs no temporary file.
    const begun = toStream(await primed(chunks))
    await writer.prepare()
    return await writer.tempFiles.withFile(async (temp) => {
      await fill(temp.handle, begun, options)
      const unkept = await place(writer, name, temp, options)
      const modified = toTime((await temp.handle.stat({ bigint: true })).mtimeNs)
      const { size, digest } = options
      return { size, digest, modified, evidence: 'read', age: 0, ...(unkept.length > 0 && { unkept }) }
    })
  } catch (error) {
    // Does nothing after the end.
    await chunks.cancel(error).catch(() => {})
    throw toIoError(error, 'written')
  }
}

async function restore(writer: Writing, name: string, options: RestoreOptions): Promise<Written> {
  await requireExpected(writer, name, options)
  const { path, facts, body } = await openKept(writer, name, options)
  let like: RegularFile | null = null
  try {
    like = openFile(writer.root.place, path)
    if (like === null) throw notKept()
    return await write(writer, name, body, { ...options, size: facts.size, like: like.fd })
  } finally {
    if (like !== null) closeSync(like.fd)
    // Does nothing after the end.
    await body.cancel().catch(() => {})
  }
}

/** Refuses a write that cannot succeed, before anything is read or written for it. */
async function requireExpected(
  { root, reader }: Writing,
  name: string,
  { replaces, signal }: Pick<PutOptions, 'replaces' | 'signal'>,
): Promise<void> {
  requireSegments(requireName(name))
  if (replaces === null) return await requireFree(root, name)
  const current = await reader.readCurrent(name, { signal })
  if (current?.digest !== replaces) throw unexpected('the file is not the one to be replaced')
}

/** Opens a kept content, from the first shelf where it is still intact. */
async function openKept({ root, reader }: Writing, name: string, options: RestoreOptions) {
  const { digest, signal } = options
  let trouble = notKept()
  for (const shelf of findShelves(root.place)) {
    const path = toKeptPath(shelf, digest, name)
    const opened = await settle(reader.openAt(path, { signal }))
    if (opened instanceof StorageError) trouble = opened
    else if (opened?.facts.digest === digest) return { ...opened, path }
    else if (opened !== null) {
      await opened.body.cancel()
      trouble = integrityError('the kept copy no longer has its digest')
    }
  }
  throw trouble
}

/** Puts the temporary file in its place; returns what the file could not keep or take. */
async function place(
  writer: Writing,
  name: string,
  temp: TempFile,
  options: WriteOptions,
): Promise<Unkept[]> {
  const { replaces } = options
  if (replaces === null) return await create(writer, name, temp, options)
  // No other writer of this process comes between the look and the rename.
  return await writer.lock(name, async () => {
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      const unkept = await tryReplace(writer, name, temp, { ...options, replaces })
      if (unkept !== 'changed') return unkept
    }
    throw changedWhileReadError()
  })
}

/** Puts the temporary file in its place; `changed` when the file there changed since it was read. */
async function tryReplace(
  writer: Writing,
  name: string,
  temp: TempFile,
  options: WriteOptions & { readonly replaces: string },
): Promise<Unkept[] | 'changed'> {
  const { root, reader } = writer
  const { replaces, digest, signal } = options
  const before = await lstat(toPath(root.place, name), { bigint: true }).catch(ignoreAbsence)
  const current = await reader.readCurrent(name, { signal })
  if (current?.digest !== replaces) throw unexpected('the file is not the one to be replaced')
  if (before === null) return 'changed'
  return await withParent(root, name, async (path) => {
    const identity = toIdentity(before)
    const file = { name, path, digest: replaces, identity, links: before.nlink, signal }
    // A file that is replaced by its own content loses nothing.
    const kept = replaces === digest ? 'apart' : await keepReplaced(writer, file)
    if (kept === 'changed') return kept
    // The link that keeps a file moved its time of change; later writes to it are kept too.
    const isStill = kept === 'linked' ? isSameContent : isSame
    const original = openOriginal(path, (now) => isStill(now, identity))
    if (original === null) return 'changed'
    try {
      const unkept = await dress(temp.handle, options.like ?? original.fd, options)
      // Without a pause on this thread: no write of vouch comes between, and hardly one of another program.
      const isSwapped = await withWriteLock(root, () => {
        const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false })
        if (stats === undefined || !isSame(toIdentity(stats), original.identity)) return false
        renameSync(temp.path, path)
        return true
      })
      return isSwapped ? unkept : 'changed'
    } finally {
      closeSync(original.fd)
    }
  })
}

/** Refuses a name that is taken. It does not look behind a link: `create` does. */
async function requireFree(root: Root, name: string): Promise<void> {
  const path = toPath(root.place, name)
  const there = await lstat(path).catch(ignoreUnreached)
  if (there !== null && (await realpath(dirname(path))) === dirname(path)) throw taken()
}

/**
 * Gives the temporary file its name, unless that is taken. Only a link does both at once: a rename would
 * replace what another program has just put there, and a file made under its name would be seen unfinished.
 */
async function create(
  { root, requireListed }: Writing,
  name: string,
  temp: TempFile,
  options: WriteOptions,
): Promise<Unkept[]> {
  const { like, modes } = options
  const give = async (path: string, parent: Directory) => {
    const unkept = like === undefined ? await dressNew(temp.handle, parent.handle, modes?.at(-1)) : []
    const more = await dress(temp.handle, like, options)
    await linkNew(temp.path, path)
    await showSize(temp, options)
    await requireListed(name).catch((error) => {
      takeBack(path, temp)
      throw error
    })
    return [...unkept, ...more]
  }
  return await withParent(root, name, give, modes)
}

async function linkNew(from: string, path: string): Promise<void> {
  try {
    await link(from, path)
  } catch (error) {
    if (getErrno(error) === 'EEXIST') throw taken(error)
    if (!isWithoutLinks(error)) throw error
    const detail = `cannot create a file: this file system makes no hard links (${getErrno(error)}), without which another program's file could be replaced`
    throw new StorageError('unreadable', detail, { cause: error })
  }
}

/** gocryptfs shows the encrypted size for a second after a link; a change of mode shows the right one. */
async function showSize({ handle }: TempFile, { size: wanted }: Pick<PutOptions, 'size'>): Promise<void> {
  const { size, mode } = await handle.stat()
  if (size !== wanted) await handle.chmod(mode & 0o7777)
}

/** Removes a file that was just made, unless another has taken its place; without a pause on this thread. */
function takeBack(path: string, { handle }: TempFile): void {
  const [own, there] = [fstatSync(handle.fd), lstatSync(path, { throwIfNoEntry: false })]
  if (there?.ino === own.ino && there.dev === own.dev) unlinkSync(path)
}

/** Gives a temporary file its time and the attributes of the file open as `from`, and syncs it. */
async function dress(
  temp: FileHandle,
  from: number | undefined,
  { like, modified }: WriteOptions,
): Promise<Unkept[]> {
  const withTime = like !== undefined
  const unkept = from === undefined ? [] : await copyAttributes(from, temp, { withTime })
  const untimed = modified == null || withTime ? [] : await setModified(temp, modified)
  await temp.sync()
  return [...untimed, ...unkept]
}

/** Links that lead to each other lead nowhere. */
function ignoreUnreached(error: unknown): null {
  return getErrno(error) === 'ELOOP' ? null : ignoreAbsence(error)
}

function ignoreAbsence(error: unknown): null {
  if (isAbsence(error)) return null
  throw error
}
