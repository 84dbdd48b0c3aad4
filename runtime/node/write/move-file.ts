import { linkSync, lstatSync, unlinkSync } from 'node:fs'
import { lstat } from 'node:fs/promises'
import { requireName } from '../../../functions/storage/names.ts'
import type { MoveOptions } from '../../../functions/storage/storage.ts'
import { changedError, changedWhileReadError } from '../../../functions/wire/errors.ts'
import { StorageError } from '../../../functions/wire/storage-error.ts'
import { type Directory, descend } from '../files/directory.ts'
import { getErrno, isAbsence, isWithoutLinks } from '../files/errno.ts'
import { type Identity, isSame, toIdentity } from '../files/identity.ts'
import { requireSegments } from '../files/regular-file.ts'
import { type Root, toPath } from '../files/root.ts'
import { MAX_ATTEMPTS } from '../limits.ts'
import type { Writing } from './keep-replaced.ts'
import { taken, unexpected, withParent } from './make-directories.ts'
import { withWriteLock } from './write-lock.ts'

/**
 * Moves a file below the root; see `WritableStorage.move`. The file gets its new name by a link, which is on
 * the disk before the old name is removed: a rename would replace what another program has just put there.
 */
export async function moveFile(
  writing: Writing,
  from: string,
  to: string,
  options: MoveOptions,
): Promise<void> {
  for (const name of [from, to]) requireSegments(requireName(name))
  if (from === to) throw taken()
  // No other writer of this process comes between the reading of the file and its move.
  await writing.lock(from, async () => {
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      options.signal?.throwIfAborted()
      if ((await tryMove(writing, from, to, options)) === 'moved') return
    }
    throw changedWhileReadError()
  })
}

/** Moves the file; `changed` when it changed since it was read, and still has its old name alone. */
async function tryMove(
  writing: Writing,
  from: string,
  to: string,
  { digest, modes, signal }: MoveOptions,
): Promise<'moved' | 'changed'> {
  const { root, reader, links, tempFiles, prepare, requireListed } = writing
  const before = await lstat(toPath(root.place, from), { bigint: true }).catch(ignoreAbsence)
  const current = await reader.readCurrent(from, { signal })
  if (current?.digest !== digest) throw unexpected('the file is not the one to be moved')
  if (before === null) return 'changed'
  await prepare()
  if (!(await links.showsLinks(root, tempFiles))) throw withoutLinks()
  return await withSource(root, from, async (oldPath, oldParent) => {
    const place = async (newPath: string, newParent: Directory) => {
      const linked = await withWriteLock(root, () => linkTo(oldPath, newPath, toIdentity(before)))
      if (linked === 'changed') return linked
      try {
        await newParent.handle.sync()
        await requireListed(to)
      } catch (error) {
        await withWriteLock(root, () => takeBack(oldPath, newPath, linked))
        throw error
      }
      if (!(await withWriteLock(root, () => unlinkFrom(oldPath, newPath, linked)))) return 'changed'
      await oldParent.handle.sync()
      return 'moved'
    }
    const isWhole = modes?.length === to.split('/').length
    return await withParent(root, to, place, isWhole ? modes : undefined)
  })
}

/** Runs `run` with the path of an existing file, which leads through its open directory. */
async function withSource<T>(
  root: Root,
  name: string,
  run: (path: string, parent: Directory) => Promise<T>,
): Promise<T> {
  const segments = name.split('/')
  const parent = await descend(await root.open(), segments.slice(0, -1))
  try {
    return await run(`${parent.path}/${segments.at(-1)}`, parent)
  } finally {
    await parent.handle.close()
  }
}

// What follows is done without a pause on this thread: no write of vouch comes between.

/** Gives the file its new name, unless it has it already; returns its identity from then on. */
function linkTo(oldPath: string, newPath: string, seen: Identity): Identity | 'changed' {
  const old = readStats(oldPath)
  if (old === undefined || !isSame(toIdentity(old), seen)) return 'changed'
  try {
    linkSync(oldPath, newPath)
  } catch (error) {
    if (isWithoutLinks(error)) throw withoutLinks(error)
    if (getErrno(error) !== 'EEXIST') throw error
    // Both are names of one file after a move that was interrupted.
    if (!haveOneFile(oldPath, newPath)) throw taken(error)
  }
  const linked = readStats(oldPath)
  return linked === undefined ? 'changed' : toIdentity(linked)
}

/**
 * Removes the old name once the file has the new one. Returns false, having taken the new name back, when the
 * file was written to meanwhile; throws `changed` when another lies at one of the two names.
 */
function unlinkFrom(oldPath: string, newPath: string, linked: Identity): boolean {
  const old = readStats(oldPath)
  // Another program has removed it.
  if (old === undefined && readStats(newPath)?.ino === linked.inode) return true
  if (old === undefined || !haveOneFile(oldPath, newPath))
    throw changedError('another program replaced the file while it was moved')
  if (!isSame(toIdentity(old), linked)) {
    takeBack(oldPath, newPath, linked)
    return false
  }
  unlinkSync(oldPath)
  return true
}

/** Removes the new name of a file that still has its old one. */
function takeBack(oldPath: string, newPath: string, linked: Identity): void {
  if (readStats(newPath)?.ino === linked.inode && haveOneFile(oldPath, newPath)) unlinkSync(newPath)
}

/** Whether these are two names of one file, so that either may be removed. */
function haveOneFile(oldPath: string, newPath: string): boolean {
  const [old, now] = [readStats(oldPath), readStats(newPath)]
  return old !== undefined && now?.ino === old.ino && now.dev === old.dev && old.nlink > 1n
}

function readStats(path: string) {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false })
}

function withoutLinks(cause?: unknown): StorageError {
  const code = cause === undefined ? '' : ` (${getErrno(cause)})`
  const detail = `cannot move a file: this file system makes no hard links that can be recognized${code}, without which another program's file could be replaced; plan without moves, to copy`
  return new StorageError('unreadable', detail, { cause })
}

function ignoreAbsence(error: unknown): null {
  if (isAbsence(error)) return null
  throw error
}
