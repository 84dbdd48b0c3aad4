import { randomUUID } from 'node:crypto'
import { type BigIntStats, constants, lstatSync, renameSync } from 'node:fs'
import { link, lstat, open, rename } from 'node:fs/promises'
import { RESERVED } from '../../functions/storage/names.ts'
import { settle } from '../../functions/wire/app.ts'
import type { Digest } from '../../functions/wire/digest.ts'
import { StorageError } from '../../functions/wire/trouble.ts'
import { openBelow } from './below.ts'
import type { Directory } from './directory.ts'
import { fill, withDraft, withDraftPath } from './drafts.ts'
import { getErrno } from './errno.ts'
import type { FileReader } from './file-reader.ts'
import { type Identity, isSame, isSameContent, toIdentity } from './identity.ts'
import { toKeptPath, toShelf } from './kept-place.ts'
import { toMode } from './regular-file.ts'
import type { Root } from './root.ts'
import { takeTurn } from './turns.ts'

/** A file that is about to be replaced, as it was read. */
export interface Replaced {
  readonly name: string
  /** Leads through its open directory. */
  readonly path: string
  readonly digest: Digest
  readonly identity: Identity
  /** Permission bits. */
  readonly mode: number
  /** Names of the file, this one and those of its hard links. */
  readonly links: bigint
  readonly signal: AbortSignal | undefined
}

/**
 * How its content is kept: as the file itself under a second name, or `apart` from it; or `changed`, when it is no
 * longer the file that was read.
 */
export type Held = 'linked' | 'apart' | 'changed'

/**
 * Keeps the content of a file that is about to be replaced, there to stay once this resolves. Whatever else is found
 * where it belongs is put aside, never removed.
 */
export function createKeeper(root: Root, reader: FileReader): (file: Replaced) => Promise<Held> {
  async function keep(file: Replaced): Promise<Held> {
    for (let n = 0; ; n++) {
      const held = await keepOn(toShelf(n), file)
      if (held !== 'blocked') return held
    }
  }

  async function keepOn(shelf: string, file: Replaced): Promise<Held | 'blocked'> {
    const segments = toKeptPath(shelf, file.digest, file.name).split('/')
    const directory = await openShelf(segments.slice(0, -1))
    if (directory === 'blocked') return directory
    try {
      const path = `${directory.path}/${segments.at(-1)}`
      const held = await keepAt(path, shelf, file)
      if (held === 'blocked' || held === 'changed') return held
      // What lies there may never have been written out by whoever made it.
      await syncFile(path)
      await directory.handle.sync()
      return held
    } finally {
      await directory.handle.close()
    }
  }

  async function openShelf(segments: readonly string[]): Promise<Directory | 'blocked'> {
    const directory = await settle(openBelow(root, segments, 0o700))
    if (!(directory instanceof StorageError)) return directory
    if (directory.code === 'precondition') return 'blocked'
    throw directory
  }

  /** What lies there already will do if it is what it should be, and has no name by which others may write to it. */
  async function keepAt(path: string, shelf: string, file: Replaced): Promise<Held | 'blocked'> {
    const there = await tryStat(path)
    if (there === null) return await place(path, file)
    if (there.isDirectory()) return 'blocked'
    if (isSameFile(toIdentity(there), file.identity)) {
      if (!isSameContent(toIdentity(there), file.identity)) return 'changed'
      if (file.links === 2n) return 'linked'
    } else if (there.nlink === 1n && (await isIntact(shelf, file))) {
      await stamp(path, there)
      return 'apart'
    }
    const aside = [RESERVED, shelf, `${file.digest}~${randomUUID()}`]
    return (await putAside(path, there, aside)) ? await place(path, file) : 'changed'
  }

  /** Whether what is kept already is what it was. */
  async function isIntact(shelf: string, { digest, name, signal }: Replaced): Promise<boolean> {
    const kept = await settle(reader.readCurrent(toKeptPath(shelf, digest, name), { signal }))
    if (kept instanceof StorageError && kept.code === 'unreachable') throw kept
    return !(kept instanceof StorageError) && kept?.digest === digest
  }

  /** Whether it was still what was looked at, and not what another process has just kept. */
  async function putAside(path: string, there: BigIntStats, segments: readonly string[]): Promise<boolean> {
    const directory = await openBelow(root, segments, 0o700)
    try {
      const isDone = await takeTurn(root, () => {
        const now = lstatSync(path, { bigint: true, throwIfNoEntry: false })
        if (now === undefined || !isSame(toIdentity(now), toIdentity(there))) return false
        renameSync(path, `${directory.path}/${path.slice(path.lastIndexOf('/') + 1)}`)
        return true
      })
      await directory.handle.sync()
      return isDone
    } finally {
      await directory.handle.close()
    }
  }

  /** A file that has other names too may be written to by one of them, so its content is copied. */
  async function place(path: string, file: Replaced): Promise<Held> {
    const held = file.links === 1n ? await linkTo(path, file) : 'without links'
    return held === 'without links' ? await copy(path, file) : held
  }

  /** By way of a name of our own: at its place nothing is ever seen that was not looked at, and nothing removed. */
  async function linkTo(path: string, file: Replaced): Promise<Held | 'without links'> {
    return await withDraftPath(root, async (own) => {
      try {
        await link(file.path, own)
        if (!isSameContent(toIdentity(await lstat(own, { bigint: true })), file.identity)) return 'changed'
        await link(own, path)
        return 'linked'
      } catch (error) {
        // It is gone; or another process has kept something there meanwhile.
        if (['ENOENT', 'EEXIST'].includes(getErrno(error))) return 'changed'
        if (isWithoutLinks(error)) return 'without links'
        throw error
      }
    })
  }

  async function copy(path: string, { name, digest, mode, signal }: Replaced): Promise<Held> {
    const opened = await settle(reader.open(name, { ifDigest: digest, signal }))
    if (opened === null) return 'changed'
    if (opened instanceof StorageError) return toChanged(opened)
    const { facts, body } = opened
    return await withDraft(root, async (draft) => {
      const filled = await settle(fill(draft.handle, body, { size: facts.size, digest, signal }))
      if (filled instanceof StorageError) return toChanged(filled)
      await draft.handle.chmod(mode)
      await rename(draft.path, path)
      return 'apart'
    })
  }

  return keep
}

function isSameFile(a: Identity, b: Identity): boolean {
  return a.inode === b.inode && a.device === b.device
}

function toChanged(error: StorageError): 'changed' {
  if (error.code === 'changed') return error.code
  throw error
}

/** The stats of what is at `path` itself; null when there is nothing. */
async function tryStat(path: string): Promise<BigIntStats | null> {
  try {
    return await lstat(path, { bigint: true })
  } catch (error) {
    if (getErrno(error) === 'ENOENT') return null
    throw error
  }
}

/** Where a file system, or its rules, have no hard link for this file. */
const NO_LINK: readonly string[] = ['EPERM', 'EMLINK', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP']

/** Whether a system error says that a file gets no hard link there. */
export function isWithoutLinks(error: unknown): boolean {
  return NO_LINK.includes(getErrno(error))
}

const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

async function syncFile(path: string): Promise<void> {
  const handle = await open(path, READ)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Has the file's time of change say that its content was replaced just now. */
async function stamp(path: string, stats: BigIntStats): Promise<void> {
  const handle = await open(path, READ)
  try {
    await handle.chmod(toMode(stats))
  } finally {
    await handle.close()
  }
}
