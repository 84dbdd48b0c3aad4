import { randomUUID } from 'node:crypto'
import { type BigIntStats, closeSync, fstatSync, linkSync, lstatSync, openSync, renameSync } from 'node:fs'
import { link, lstat, open } from 'node:fs/promises'
import { RESERVED } from '../../functions/storage/names.ts'
import { settle } from '../../functions/wire/app.ts'
import type { Digest } from '../../functions/wire/digest.ts'
import { StorageError } from '../../functions/wire/trouble.ts'
import { openBelow } from './below.ts'
import type { Directory } from './directory.ts'
import { type Draft, type Drafts, fill } from './drafts.ts'
import { getErrno, isAbsence, isWithoutLinks } from './errno.ts'
import { copyAttributes } from './file-attributes.ts'
import type { FileReader } from './file-reader.ts'
import { type Identity, isSame, isSameContent, toIdentity } from './identity.ts'
import { toKeptPath, toShelf } from './kept-place.ts'
import type { LinkProbe } from './link-probe.ts'
import { FILE_FLAGS } from './regular-file.ts'
import type { Root } from './root.ts'
import { takeTurn } from './turns.ts'

/** A file that is about to be replaced, as it was read. */
export interface Replaced {
  readonly name: string
  /** Leads through its open directory. */
  readonly path: string
  readonly digest: Digest
  readonly identity: Identity
  /** Names of the file, this one and those of its hard links. */
  readonly links: bigint
  readonly signal: AbortSignal | undefined
}

/** What lies where a content is to be kept, and is not that content. */
interface Wrong {
  readonly stats: BigIntStats
  readonly shelf: string
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
export function createKeeper(
  root: Root,
  reader: FileReader,
  drafts: Drafts,
  links: LinkProbe,
): (file: Replaced) => Promise<Held> {
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
    const directory = await settle(openBelow(root, segments, { mode: 0o700 }))
    if (!(directory instanceof StorageError)) return directory
    if (directory.code === 'precondition') return 'blocked'
    throw directory
  }

  /** What lies there already will do if it is what it should be, and has no name by which others may write to it. */
  async function keepAt(path: string, shelf: string, file: Replaced): Promise<Held | 'blocked'> {
    const there = await tryStat(path)
    if (there === null) return await place(path, file, null)
    if (there.isDirectory()) return 'blocked'
    if (isSameFile(toIdentity(there), file.identity)) {
      if (!isSameContent(toIdentity(there), file.identity)) return 'changed'
      if (file.links === 2n) return 'linked'
    } else if (there.nlink === 1n && (await isIntact(shelf, file))) {
      await stamp(path, there)
      return 'apart'
    }
    return await place(path, file, { stats: there, shelf })
  }

  /** Whether what is kept already is what it was. */
  async function isIntact(shelf: string, { digest, name, signal }: Replaced): Promise<boolean> {
    const kept = await settle(reader.readCurrent(toKeptPath(shelf, digest, name), { signal }))
    if (kept instanceof StorageError && kept.code === 'unreachable') throw kept
    return !(kept instanceof StorageError) && kept?.digest === digest
  }

  /**
   * A file that has other names too may be written to by one of them, so its content is copied; and so is one whose link
   * could not be identified as that file.
   */
  async function place(path: string, file: Replaced, wrong: Wrong | null): Promise<Held> {
    const held = file.links === 1n ? await linkTo(path, file, wrong) : 'without links'
    return held === 'without links' ? await copy(path, file, wrong) : held
  }

  /** By way of a name of our own, so that nothing is ever seen at `path` that was not looked at. */
  async function linkTo(path: string, file: Replaced, wrong: Wrong | null): Promise<Held | 'without links'> {
    if (!(await links.showsLinks(root, drafts))) return 'without links'
    return await drafts.withPath(async (own) => {
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
      return (await install(own, path, file, wrong)) ? 'linked' : 'changed'
    })
  }

  async function copy(path: string, file: Replaced, wrong: Wrong | null): Promise<Held> {
    const { name, digest, signal } = file
    const opened = await settle(reader.open(name, { ifDigest: digest, signal }))
    if (opened === null) return 'changed'
    if (opened instanceof StorageError) return toChanged(opened)
    const { facts, body } = opened
    return await drafts.withDraft(async (draft) => {
      const filled = await settle(fill(draft.handle, body, { size: facts.size, digest, signal }))
      if (filled instanceof StorageError) return toChanged(filled)
      if (!(await tryDress(file, draft))) return 'changed'
      await draft.handle.sync()
      return (await install(draft.path, path, file, wrong)) ? 'apart' : 'changed'
    })
  }

  /** Gives a copy what the file has beside its bytes, time included; false when it is no longer that file. */
  async function tryDress({ path, identity }: Replaced, draft: Draft): Promise<boolean> {
    const original = openOriginal(path, (now) => isSame(now, identity))
    if (original === null) return false
    try {
      await copyAttributes(original.fd, draft.handle, { withTime: true })
      return true
    } finally {
      closeSync(original.fd)
    }
  }

  /**
   * Moves `own` to its place, where at no instant there is less than was there: another process may just now rely on
   * that. Whether what was looked at, or nothing, was still there.
   */
  async function install(
    own: string,
    path: string,
    { digest }: Replaced,
    wrong: Wrong | null,
  ): Promise<boolean> {
    if (wrong === null) return await takeTurn(root, () => moveTo(own, path, null))
    const aside = await openBelow(root, [RESERVED, wrong.shelf, `${digest}~${randomUUID()}`], { mode: 0o700 })
    try {
      const other = `${aside.path}/${path.slice(path.lastIndexOf('/') + 1)}`
      const isDone = await takeTurn(root, () => moveTo(own, path, { stats: wrong.stats, aside: other }))
      await aside.handle.sync()
      return isDone
    } finally {
      await aside.handle.close()
    }
  }

  return keep
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

/** Under a second name, which outlives the first. */
function putAside(path: string, aside: string): void {
  try {
    linkSync(path, aside)
  } catch (error) {
    if (!isWithoutLinks(error)) throw error
    renameSync(path, aside)
  }
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

async function syncFile(path: string): Promise<void> {
  const handle = await open(path, FILE_FLAGS)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/**
 * Opens the file at `path`, on the calling thread, if its identity `isWanted`; null when it is another, or gone. The
 * caller closes `fd`.
 */
export function openOriginal(path: string, isWanted: (now: Identity) => boolean): OpenedOriginal | null {
  let fd: number
  try {
    fd = openSync(path, FILE_FLAGS)
  } catch (error) {
    if (isAbsence(error) || getErrno(error) === 'ELOOP') return null
    throw error
  }
  const identity = toIdentity(fstatSync(fd, { bigint: true }))
  if (isWanted(identity)) return { fd, identity }
  closeSync(fd)
  return null
}

interface OpenedOriginal {
  readonly fd: number
  readonly identity: Identity
}

/** Has the file's time of change say that its content was replaced just now. */
async function stamp(path: string, stats: BigIntStats): Promise<void> {
  const handle = await open(path, FILE_FLAGS)
  try {
    // What it is already, set-id bits included.
    await handle.chmod(Number(stats.mode & 0o7777n))
  } finally {
    await handle.close()
  }
}
