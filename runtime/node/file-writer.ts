import { closeSync, fstatSync, lstatSync, renameSync, unlinkSync } from 'node:fs'
import { type FileHandle, link, lstat, realpath } from 'node:fs/promises'
import { dirname } from 'node:path'
import { notKept } from '../../functions/storage/kept.ts'
import { requireName } from '../../functions/storage/names.ts'
import type { Opened, PutOptions, RestoreOptions, Storage, Written } from '../../functions/storage/storage.ts'
import { primed, toChunks, toStream } from '../../functions/storage/streams.ts'
import { settle } from '../../functions/wire/app.ts'
import type { Unkept } from '../../functions/wire/attributes.ts'
import { StorageError } from '../../functions/wire/trouble.ts'
import { unexpected, withParent } from './below.ts'
import type { Directory } from './directory.ts'
import { type Draft, type Drafts, fill } from './drafts.ts'
import { getErrno, isAbsence, isWithoutLinks, toIoError } from './errno.ts'
import { copyAttributes, dressNew, setModified } from './file-attributes.ts'
import { changed } from './file-digest.ts'
import type { FileReader } from './file-reader.ts'
import { type Identity, isSame, isSameContent, readIdentity, toIdentity, toModified } from './identity.ts'
import { createKeeper, type Held, openOriginal, type Replaced } from './keep.ts'
import { findShelves, toKeptPath } from './kept-place.ts'
import { MAX_ATTEMPTS } from './limits.ts'
import type { LinkProbe } from './link-probe.ts'
import type { Locks } from './locks.ts'
import { openFile, type RegularFile } from './regular-file.ts'
import { type Root, toPath } from './root.ts'
import { requireSegments } from './segment-length.ts'
import { takeTurn } from './turns.ts'

export interface FileWriterOptions {
  /** Reads below the same root. */
  readonly reader: FileReader
  /** Those of this file system; their owner closes them. */
  readonly drafts: Drafts
  /** That of all writers of a storage. */
  readonly links: LinkProbe
  /** Those of all writers of a storage. */
  readonly lock: Locks
  /** Called before anything is written, once the condition of a write holds. */
  readonly prepare: () => Promise<void>
  /** Throws when a file of this name that was just made is listed by another. */
  readonly requireListed: (name: string) => Promise<void>
}

/**
 * Writes files below `root`, each by way of one of `drafts`, and keeps what they replace below
 * `.vouch/kept/`; see `Storage.put`. A body is consumed or cancelled. All of it lies on one file system.
 */
export function createFileWriter(
  root: Root,
  { reader, drafts, links, lock, prepare, requireListed }: FileWriterOptions,
): Pick<Storage, 'put' | 'restore'> {
  const keep = createKeeper(root, reader, drafts, links)

  /** Puts the draft in its place; returns what the file could not keep or take. */
  async function place(name: string, draft: Draft, options: WriteOptions): Promise<Unkept[]> {
    const { replaces } = options
    if (replaces === null)
      return await create(root, name, draft, { ...options, requireListed: () => requireListed(name) })
    // Between the look and the rename no other writer of this process may come.
    return await lock(name, async () => {
      for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
        const unkept = await tryReplace(name, draft, { ...options, replaces })
        if (unkept !== 'changed') return unkept
      }
      throw changed()
    })
  }

  /** Puts the draft in the place of the file to be replaced; `changed` when that changed since it was read. */
  async function tryReplace(
    name: string,
    draft: Draft,
    options: WriteOptions & { readonly replaces: string },
  ): Promise<Unkept[] | 'changed'> {
    const { replaces, digest, signal } = options
    const before = await lstat(toPath(root.place, name), { bigint: true }).catch(ignoreAbsence)
    const current = await reader.readCurrent(name, { signal })
    if (current?.digest !== replaces) throw unexpected('the file is not the one to be replaced')
    if (before === null) return 'changed'
    return await withParent(root, name, async (path) => {
      const identity = toIdentity(before)
      const file = { name, path, digest: replaces, identity, links: before.nlink, signal }
      // One that is replaced by its own content loses nothing.
      const held = replaces === digest ? 'apart' : await keep(file)
      if (held === 'changed') return held
      const original = openOriginal(path, (now) => isStill(now, identity, held))
      if (original === null) return 'changed'
      try {
        const unkept = await dress(draft.handle, options.like ?? original.fd, options)
        return (await swap(root, { path, identity: original.identity }, draft)) ? unkept : 'changed'
      } finally {
        closeSync(original.fd)
      }
    })
  }

  /** Refuses a write that cannot succeed, before anything is read or written for it. */
  async function requireHeld(
    name: string,
    { replaces, signal }: Pick<PutOptions, 'replaces' | 'signal'>,
  ): Promise<void> {
    requireSegments(requireName(name))
    if (replaces === null) return await requireFree(root, name)
    const current = await reader.readCurrent(name, { signal })
    if (current?.digest !== replaces) throw unexpected('the file is not the one to be replaced')
  }

  async function put(
    name: string,
    body: ReadableStream<Uint8Array>,
    { modes, ...options }: PutOptions,
  ): Promise<Written> {
    const isWhole = modes?.length === name.split('/').length
    return await write(name, body, { ...options, modes: isWhole ? modes : undefined })
  }

  async function write(
    name: string,
    body: ReadableStream<Uint8Array>,
    options: WriteOptions,
  ): Promise<Written> {
    const chunks = toChunks(toStream(toChunks(body), options.signal))
    try {
      options.signal?.throwIfAborted()
      await requireHeld(name, options)
      // A client that sends nothing costs no draft.
      const begun = toStream(await primed(chunks))
      await prepare()
      return await drafts.withDraft(async (draft) => {
        await fill(draft.handle, begun, options)
        const unkept = await place(name, draft, options)
        const modified = toModified(await readIdentity(draft.handle))
        const { size, digest } = options
        return { size, digest, modified, evidence: 'read', age: 0, ...(unkept.length > 0 && { unkept }) }
      })
    } catch (error) {
      // After its end this does nothing.
      await chunks.cancel(error).catch(() => {})
      throw toIoError(error, 'written')
    }
  }

  async function restore(name: string, options: RestoreOptions): Promise<Written> {
    await requireHeld(name, options)
    const { path, facts, body } = await openKept(name, options)
    let like: RegularFile | null = null
    try {
      like = openFile(root.place, path)
      if (like === null) throw notKept()
      return await write(name, body, { ...options, size: facts.size, like: like.fd })
    } finally {
      if (like !== null) closeSync(like.fd)
      // After its end this does nothing.
      await body.cancel().catch(() => {})
    }
  }

  /** Opens what is kept; of several only one that is still what it was. */
  async function openKept(
    name: string,
    { digest, signal }: RestoreOptions,
  ): Promise<Opened & { readonly path: string }> {
    let trouble = notKept()
    for (const shelf of findShelves(root.place)) {
      const path = toKeptPath(shelf, digest, name)
      const opened = await settle(reader.openAt(path, { signal }))
      if (opened instanceof StorageError) trouble = opened
      else if (opened?.facts.digest === digest) return { ...opened, path }
      else if (opened !== null) {
        await opened.body.cancel()
        trouble = new StorageError('integrity', 'what is kept is no longer what it was')
      }
    }
    throw trouble
  }

  return { put, restore }
}

/** Refuses a name that something has. Of what lies behind a link it says nothing: `create` does. */
async function requireFree(root: Root, name: string): Promise<void> {
  const path = toPath(root.place, name)
  const there = await lstat(path).catch(ignoreUnreached)
  if (there !== null && (await realpath(dirname(path))) === dirname(path)) throw taken()
}

function taken(cause?: unknown): StorageError {
  return unexpected('something has this name already', cause)
}

/** A write, of a content that was put or of one that is put back. */
interface WriteOptions extends PutOptions {
  /** The file whose time, permissions, owner, group and extended attributes the new one gets: that of a kept content. */
  readonly like?: number | undefined
}

/**
 * Gives the draft its name, if nothing has that name. A link alone does both at once, and the whole content with it: a
 * rename would go over what somebody else has just put there, and a file made under its name would be seen unfinished.
 */
async function create(
  root: Root,
  name: string,
  draft: Draft,
  { requireListed, ...options }: WriteOptions & { readonly requireListed: () => Promise<void> },
): Promise<Unkept[]> {
  const { like, modes } = options
  const give = async (path: string, parent: Directory) => {
    const asked = { parent: parent.handle, mode: modes?.at(-1) }
    const unkept = like === undefined ? await dressNew(draft.handle, asked) : []
    const more = await dress(draft.handle, like, options)
    try {
      await link(draft.path, path)
    } catch (error) {
      if (getErrno(error) === 'EEXIST') throw taken(error)
      if (!isWithoutLinks(error)) throw error
      // Without one, another program's file of this name might be replaced unseen.
      const detail = `a new file cannot be put here, for this file system makes no hard links (${getErrno(error)})`
      throw new StorageError('unreadable', detail, { cause: error })
    }
    await showSize(draft, options)
    await requireListed().catch((error) => {
      takeBack(path, draft)
      throw error
    })
    return [...unkept, ...more]
  }
  return await withParent(root, name, give, modes)
}

/** gocryptfs shows the size of what it encrypted for a second after a link; a change of mode makes it show the right one. */
async function showSize({ handle }: Draft, { size: wanted }: Pick<PutOptions, 'size'>): Promise<void> {
  const { size, mode } = await handle.stat()
  if (size !== wanted) await handle.chmod(mode & 0o7777)
}

/** Removes a file that was just made, unless another is in its place by now; all at once on this thread. */
function takeBack(path: string, { handle }: Draft): void {
  const [own, there] = [fstatSync(handle.fd), lstatSync(path, { throwIfNoEntry: false })]
  if (there?.ino === own.ino && there.dev === own.dev) unlinkSync(path)
}

/** Gives a draft what the file open as `from` has beside its bytes, and its time, down to the disk. */
async function dress(
  draft: FileHandle,
  from: number | undefined,
  { like, modified }: WriteOptions,
): Promise<Unkept[]> {
  const withTime = like !== undefined
  const unkept = from === undefined ? [] : await copyAttributes(from, draft, { withTime })
  const untimed = modified == null || withTime ? [] : await setModified(draft, modified)
  await draft.sync()
  return [...untimed, ...unkept]
}

/** Puts the draft in the place of a file, if that is still as it was; whether it did. */
async function swap(
  root: Root,
  { path, identity }: Pick<Replaced, 'path' | 'identity'>,
  draft: Draft,
): Promise<boolean> {
  // Both at once on this thread: nothing of vouch comes between, and next to nothing of another program.
  return await takeTurn(root, () => {
    const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false })
    if (stats === undefined || !isSame(toIdentity(stats), identity)) return false
    renameSync(draft.path, path)
    return true
  })
}

/** The link by which a file is kept has changed its time of change, and what is written to it now is kept too. */
function isStill(now: Identity, before: Identity, held: Held): boolean {
  return held === 'linked' ? isSameContent(now, before) : isSame(now, before)
}

/** Links that lead to each other lead nowhere. */
function ignoreUnreached(error: unknown): null {
  return getErrno(error) === 'ELOOP' ? null : ignoreAbsence(error)
}

function ignoreAbsence(error: unknown): null {
  if (isAbsence(error)) return null
  throw error
}
