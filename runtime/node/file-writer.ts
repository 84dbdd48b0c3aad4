import { lstatSync, renameSync } from 'node:fs'
import { link, lstat, realpath } from 'node:fs/promises'
import { dirname } from 'node:path'
import { notKept } from '../../functions/storage/kept.ts'
import { requireName } from '../../functions/storage/names.ts'
import type { Facts, Opened, PutOptions, RestoreOptions, Storage } from '../../functions/storage/storage.ts'
import { primed, toChunks, toStream } from '../../functions/storage/streams.ts'
import { settle } from '../../functions/wire/app.ts'
import { StorageError } from '../../functions/wire/trouble.ts'
import { unexpected, withParent } from './below.ts'
import { type Draft, type Drafts, fill } from './drafts.ts'
import { getErrno, isAbsence, toIoError } from './errno.ts'
import { changed } from './file-digest.ts'
import type { FileReader } from './file-reader.ts'
import { type Identity, isSame, isSameContent, toIdentity } from './identity.ts'
import { createKeeper, type Held, isWithoutLinks, type Replaced } from './keep.ts'
import { findShelves, toKeptPath } from './kept-place.ts'
import { MAX_ATTEMPTS } from './limits.ts'
import { createLocks } from './locks.ts'
import { type Root, toPath } from './root.ts'
import { takeTurn } from './turns.ts'

/** Writes the files of one storage. */
export interface FileWriter extends Pick<Storage, 'put' | 'restore'> {
  /** Gives up what is being written, and resolves when nothing of it is left. */
  close(): Promise<void>
}

/**
 * Writes files below `root`, each by way of one of `drafts`, and keeps what they replace below `.vouch/kept/`; see
 * `Storage.put`. A body is consumed or cancelled.
 */
export function createFileWriter(root: Root, reader: FileReader, drafts: Drafts): FileWriter {
  const lock = createLocks()
  const keep = createKeeper(root, reader, drafts)
  const closing = new AbortController()
  const underWay = new Set<Promise<Facts>>()

  async function place(name: string, draft: Draft, options: PutOptions): Promise<void> {
    const { replaces } = options
    if (replaces === null) return await create(root, name, draft)
    // Between the look and the rename no other writer of this process may come.
    await lock(name, async () => {
      for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
        if (await tryReplace(name, draft, { ...options, replaces })) return
      }
      throw changed()
    })
  }

  /** Whether the draft took the place of the file to be replaced; false when that changed since it was read. */
  async function tryReplace(
    name: string,
    draft: Draft,
    { replaces, digest, signal }: PutOptions & { readonly replaces: string },
  ): Promise<boolean> {
    const before = await lstat(toPath(root.place, name), { bigint: true }).catch(ignoreAbsence)
    const current = await reader.readCurrent(name, { signal })
    if (current?.digest !== replaces) throw unexpected('the file is not the one to be replaced')
    if (before === null) return false
    await draft.handle.chmod(current.mode)
    return await withParent(root, name, async (path) => {
      const { mode } = current
      const identity = toIdentity(before)
      const file = { name, path, digest: replaces, identity, mode, links: before.nlink, signal }
      // One that is replaced by its own content loses nothing.
      return await swap(root, file, draft, replaces === digest ? 'apart' : await keep(file))
    })
  }

  /** Refuses a write that cannot succeed, before anything is read or written for it. */
  async function requireHeld(
    name: string,
    { replaces, signal }: Pick<PutOptions, 'replaces' | 'signal'>,
  ): Promise<void> {
    if (replaces === null) return await requireFree(root, name)
    const current = await reader.readCurrent(name, { signal })
    if (current?.digest !== replaces) throw unexpected('the file is not the one to be replaced')
  }

  async function write(name: string, body: ReadableStream<Uint8Array>, options: PutOptions): Promise<Facts> {
    const chunks = toChunks(toStream(toChunks(body), options.signal))
    try {
      requireName(name)
      options.signal?.throwIfAborted()
      await root.requireThere()
      await requireHeld(name, options)
      // A client that sends nothing costs no draft.
      const begun = toStream(await primed(chunks))
      return await drafts.withDraft(async (draft) => {
        const facts = await fill(draft.handle, begun, options)
        await place(name, draft, options)
        return facts
      })
    } catch (error) {
      // After its end this does nothing.
      await chunks.cancel(error).catch(() => {})
      throw toIoError(error, 'written')
    }
  }

  async function restore(name: string, options: RestoreOptions): Promise<Facts> {
    await root.requireThere()
    await requireHeld(requireName(name), options)
    const { facts, body } = await openKept(name, options)
    return await put(name, body, { ...options, size: facts.size })
  }

  /** Opens what is kept; of several only one that is still what it was. */
  async function openKept(name: string, { digest, signal }: RestoreOptions): Promise<Opened> {
    let trouble = notKept()
    for (const shelf of findShelves(root.place)) {
      const opened = await settle(reader.openAt(toKeptPath(shelf, digest, name), { signal }))
      if (opened instanceof StorageError) trouble = opened
      else if (opened?.facts.digest === digest) return opened
      else if (opened !== null) {
        await opened.body.cancel()
        trouble = new StorageError('integrity', 'what is kept is no longer what it was')
      }
    }
    throw trouble
  }

  async function put(name: string, body: ReadableStream<Uint8Array>, options: PutOptions): Promise<Facts> {
    const signals = options.signal ? [options.signal, closing.signal] : [closing.signal]
    const writing = write(name, body, { ...options, signal: AbortSignal.any(signals) })
    underWay.add(writing)
    try {
      return await writing
    } finally {
      underWay.delete(writing)
    }
  }

  async function close(): Promise<void> {
    closing.abort(new StorageError('unreachable', 'the storage was closed'))
    await Promise.allSettled(underWay)
  }

  return { put, restore, close }
}

/** Refuses a name that something has. Of what lies behind a link it says nothing: `create` does. */
async function requireFree(root: Root, name: string): Promise<void> {
  const path = toPath(root.place, name)
  const there = await lstat(path).catch(ignoreAbsence)
  if (there !== null && (await realpath(dirname(path))) === dirname(path)) throw taken()
}

function taken(cause?: unknown): StorageError {
  return unexpected('something has this name already', cause)
}

/**
 * Gives the draft its name, if nothing has that name. A link alone does both at once, and the whole content with it: a
 * rename would go over what somebody else has just put there, and a file made under its name would be seen unfinished.
 */
async function create(root: Root, name: string, draft: Draft): Promise<void> {
  await withParent(root, name, async (path) => {
    try {
      await link(draft.path, path)
    } catch (error) {
      if (getErrno(error) === 'EEXIST') throw taken(error)
      if (!isWithoutLinks(error)) throw error
      const detail = 'a new file cannot be put here, for this file system has no hard links'
      throw new StorageError('unreadable', detail, { cause: error })
    }
  })
}

/** Puts the draft in the place of `file`, if that is still as it was; whether it did. */
async function swap(root: Root, file: Replaced, draft: Draft, held: Held): Promise<boolean> {
  if (held === 'changed') return false
  // Both at once on this thread: nothing of vouch comes between, and next to nothing of another program.
  return await takeTurn(root, () => {
    const stats = lstatSync(file.path, { bigint: true, throwIfNoEntry: false })
    if (stats === undefined || !isStill(toIdentity(stats), file.identity, held)) return false
    renameSync(draft.path, file.path)
    return true
  })
}

/** The link by which a file is kept has changed its time of change, and what is written to it now is kept too. */
function isStill(now: Identity, before: Identity, held: Held): boolean {
  return held === 'linked' ? isSameContent(now, before) : isSame(now, before)
}

function ignoreAbsence(error: unknown): null {
  if (isAbsence(error)) return null
  throw error
}
