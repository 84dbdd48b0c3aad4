import type { BigIntStats } from 'node:fs'
import { type FileHandle, lstat, open } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { toSiblingNames } from '../../../functions/storage/lists/formats/bagit.ts'
import type { ListSource } from '../../../functions/storage/lists/list-storage.ts'
import { tooLarge } from '../../../functions/storage/lists/web-list-source.ts'
import { toDigest } from '../../../functions/wire/digest.ts'
import { changedWhileReadError } from '../../../functions/wire/errors.ts'
import { MAX_LIST_BYTES } from '../../../functions/wire/limits.ts'
import { StorageError } from '../../../functions/wire/storage-error.ts'
import { getErrno, isAbsence, toIoError } from '../files/errno.ts'
import { allocate, type Identity, isSame, isSettled, toIdentity, toTime } from '../files/identity.ts'
import { FILE_FLAGS, notAFile } from '../files/regular-file.ts'

/**
 * A list in a file at `path`, with the files beside it that belong to it. It is looked at for each question,
 * and read if its times, its size or its inode are others. What is not a regular file is not read, nor is a
 * symbolic link followed, and opening never waits for a FIFO.
 */
export function createFileListSource(path: string): ListSource {
  const name = basename(path)
  const siblings = toSiblingNames(name)

  /** The version by the entries of the directory; null when it may be any. */
  async function look(): Promise<string | null> {
    const found = new Map<string, Identity>()
    for (const one of [name, ...siblings]) {
      const stats = await tryLstat(join(dirname(path), one))
      if (stats !== null && !stats.isFile()) return null
      if (stats !== null) found.set(one, toIdentity(stats))
    }
    const { marks, areSettled } = toMarks(found)
    return areSettled && found.has(name) ? marks : null
  }

  return {
    async read(known, signal) {
      signal?.throwIfAborted()
      // Most questions end here, at a third of the cost of opening the files.
      if (known !== null && (await look()) === known) return null
      const files = new Map<string, OpenFile>()
      try {
        const list = await openFile(path)
        if (list === null) throw new StorageError('unreachable', 'there is no such file')
        files.set(name, list)
        for (const sibling of siblings) {
          const file = await openFile(join(dirname(path), sibling))
          if (file !== null) files.set(sibling, file)
        }
        const { marks, areSettled } = toMarks(
          new Map([...files].map(([name, { identity }]) => [name, identity])),
        )
        const read = new Map<string, Uint8Array<ArrayBuffer>>()
        for (const [name, file] of files) read.set(name, await readWhole(file))
        // A later change may not show in the times of a file that was changed a moment ago.
        const version = areSettled ? marks : `${marks} ${await hashAll(read.values())}`
        if (version === known) return null
        const bytes = read.get(name) ?? new Uint8Array()
        read.delete(name)
        return { name, bytes, siblings: read, version, modified: toTime(list.identity.modifiedNs) }
      } finally {
        for (const { handle } of files.values()) await handle.close()
      }
    },
  }
}

/** `marks` is another text for each content of files that are settled. */
function toMarks(files: ReadonlyMap<string, Identity>) {
  const now = Date.now()
  const marks = [...files].map(
    ([name, { device, inode, size, modifiedNs, changedNs }]) =>
      `${name}:${device}:${inode}:${size}:${modifiedNs}:${changedNs}`,
  )
  const areSettled = [...files.values()].every((identity) => isSettled(identity, now))
  return { marks: marks.join('\0'), areSettled }
}

/** Null when there is no such entry, or it cannot be seen: opening it tells why. */
async function tryLstat(path: string): Promise<BigIntStats | null> {
  return await lstat(path, { bigint: true }).catch(() => null)
}

async function hashAll(contents: Iterable<Uint8Array<ArrayBuffer>>): Promise<string> {
  const hashes = Array.from(contents, async (bytes) => toDigest(await crypto.subtle.digest('SHA-256', bytes)))
  return (await Promise.all(hashes)).join(' ')
}

interface OpenFile {
  readonly handle: FileHandle
  readonly identity: Identity
}

/** Opens a regular file; null when it does not exist. The caller closes it. */
async function openFile(path: string): Promise<OpenFile | null> {
  let handle: FileHandle
  try {
    handle = await open(path, FILE_FLAGS)
  } catch (error) {
    if (isAbsence(error)) return null
    throw getErrno(error) === 'ELOOP' ? notAFile() : toIoError(error, 'read')
  }
  try {
    const stats = await handle.stat({ bigint: true })
    if (!stats.isFile()) throw notAFile()
    return { handle, identity: toIdentity(stats) }
  } catch (error) {
    await handle.close()
    throw toIoError(error, 'read')
  }
}

async function readWhole({ handle, identity }: OpenFile): Promise<Uint8Array<ArrayBuffer>> {
  if (identity.size > MAX_LIST_BYTES) throw tooLarge()
  const bytes = allocate(identity.size)
  try {
    for (let at = 0; at < bytes.length; ) {
      const { bytesRead } = await handle.read(bytes, at, bytes.length - at, at)
      if (bytesRead === 0) throw changedWhileReadError()
      at += bytesRead
    }
    if (!isSame(identity, toIdentity(await handle.stat({ bigint: true })))) throw changedWhileReadError()
    return bytes
  } catch (error) {
    throw toIoError(error, 'read')
  }
}
