import { createHash, hash as hashWhole } from 'node:crypto'
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  futimesSync,
  lstatSync,
  openSync,
  renameSync,
  type Stats,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { type FileHandle, open, rm, unlink } from 'node:fs/promises'
import { sep } from 'node:path'
import type { Unkept } from '../../../functions/wire/attributes.ts'
import type { Digest } from '../../../functions/wire/digest.ts'
import { getErrno, toReason } from '../../node/files/errno.ts'
import { copyAttributes, isModified, toFileTime } from '../../node/files/file-attributes.ts'
import { FILE_FLAGS } from '../../node/files/regular-file.ts'
import { finishSparse, writeSparse } from '../../node/files/sparse.ts'
import { UserError } from '../../node/user-error.ts'
import type { Sink } from './download.ts'

/** A file that is not complete yet. */
export interface PartFile extends Sink {
  /**
   * Renames it over its target, atomically. For a verified content. Returns the attributes that it could not
   * keep of the file it replaces, or could not be given.
   */
  commit(): Promise<readonly Unkept[]>
}

/** The content of a part file. */
interface PartOptions {
  readonly digest: Digest
  /** The modification time that the file gets: milliseconds since 1970, null when unknown. */
  readonly modified: number | null
  readonly signal?: AbortSignal | undefined
}

/** The longest file name everywhere is 255 bytes; dots, digest and ending take 23. */
const MAX_BASE_BYTES = 232

/**
 * Opens the part file of a content beside `target` (absolute). Its name follows from both, so that a later
 * run resumes what an earlier one left, after hashing it. No other user can read it before it is in place,
 * and one that another user could have written is not resumed. Throws a UserError when it cannot be written.
 */
export async function openPart(target: string, { digest, modified, signal }: PartOptions): Promise<PartFile> {
  const path = toPartPath(target, digest)
  const hash = createHash('sha256')
  const handle = await refusing(target, openOwn(path))
  let offset = 0
  try {
    const buffer = Buffer.alloc(1024 * 1024)
    for (let read = fstatSync(handle.fd).size; read > 0; offset += read) {
      signal?.throwIfAborted()
      read = (await handle.read(buffer, 0, buffer.length, offset)).bytesRead
      hash.update(buffer.subarray(0, read))
    }
  } catch (error) {
    await handle.close()
    throw toRefusal(error, target)
  }

  return {
    get offset() {
      return offset
    },
    async write(chunk) {
      await refusing(target, writeSparse(handle, chunk, offset))
      hash.update(chunk)
      offset += chunk.length
    },
    digest: () => hash.digest('hex'),
    async keep() {
      try {
        await finishSparse(handle, offset)
      } finally {
        await handle.close()
      }
    },
    async discard() {
      await handle.close()
      await rm(path, { force: true })
    },
    async commit() {
      try {
        await finishSparse(handle, offset)
        const unkept = await setAttributes(handle, target, modified)
        await handle.sync()
        requireSame(handle, path)
        renameSync(path, target)
        return unkept
      } catch (error) {
        throw toRefusal(error, target)
      } finally {
        await handle.close()
      }
    },
  }
}

function toPartPath(target: string, digest: Digest): string {
  const from = target.lastIndexOf(sep) + 1
  const base = cutToBytes(target.slice(from), MAX_BASE_BYTES)
  return `${target.slice(0, from)}.${base}.${digest.slice(0, 16)}.part`
}

/** Whether this is a name that a part file may have. */
export function isPartName(base: string): boolean {
  return /^\..*\.[0-9a-f]{16}\.part$/s.test(base)
}

/** A small content. */
interface SmallPartOptions extends PartOptions {
  /** Bytes. */
  readonly size: number
  /** Whether there is no file at the target yet. */
  readonly isNew: boolean
  /** Called with the path of a file whose content may not be on the disk yet; when absent, it is. */
  readonly onUnsynced?: ((path: string) => void) | undefined
}

/**
 * The same for a content that is held in memory until it is complete. An interruption leaves nothing. A new
 * file is written in one go, with `onUnsynced` not synced; one that replaces another is written as by
 * `openPart`.
 */
export function createSmallPart(target: string, options: SmallPartOptions): PartFile {
  const { size, onUnsynced } = options
  let bytes: Uint8Array = new Uint8Array()
  let offset = 0
  return {
    get offset() {
      return offset
    },
    async write(chunk) {
      if (chunk.length === size) bytes = chunk
      else {
        if (offset === 0) bytes = new Uint8Array(size)
        bytes.set(chunk, offset)
      }
      offset += chunk.length
    },
    digest: () => hashWhole('sha256', bytes, 'hex'),
    async keep() {},
    async discard() {},
    async commit() {
      try {
        const unkept = options.isNew ? writeNew(target, bytes, options) : null
        if (unkept === null) return await writeOver(target, bytes, options)
        onUnsynced?.(target)
        return unkept
      } catch (error) {
        throw toRefusal(error, target)
      }
    },
  }
}

/** A new file that is written in one go. */
type NewOptions = Pick<SmallPartOptions, 'digest' | 'modified' | 'onUnsynced'>

/**
 * Writes a new file on the calling thread, at a path (absolute) where there is none. Returns the attributes
 * that it could not be given; null, with nothing done, when its part file exists. The caller notes that it is
 * not synced. Throws an error of the file system.
 */
export function writeNew(target: string, bytes: Uint8Array, options: NewOptions): readonly Unkept[] | null {
  const { digest, modified, onUnsynced } = options
  const path = toPartPath(target, digest)
  let fd: number
  try {
    fd = openSync(path, FLAGS | constants.O_CREAT | constants.O_EXCL)
  } catch (error) {
    if (getErrno(error) === 'EEXIST') return null
    throw error
  }
  try {
    for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done)
    const isTimed = modified === null || setTime(fd, modified)
    if (onUnsynced === undefined) fsyncSync(fd)
    renameSync(path, target)
    return isTimed ? [] : ['modified']
  } catch (error) {
    unlinkSync(path)
    throw error
  } finally {
    closeSync(fd)
  }
}

function setTime(fd: number, ms: number): boolean {
  try {
    futimesSync(fd, new Date(), toFileTime(ms))
    return isModified(fstatSync(fd), ms)
  } catch {
    // Not permitted.
    return false
  }
}

async function writeOver(
  target: string,
  bytes: Uint8Array,
  options: PartOptions,
): Promise<readonly Unkept[]> {
  let part = await openPart(target, options)
  if (part.offset > 0) {
    await part.discard('it is not needed')
    part = await openPart(target, options)
  }
  try {
    await part.write(bytes)
  } catch (error) {
    await part.discard('it is not complete')
    throw error
  }
  return await part.commit()
}

/** Throws a UserError unless `target` (absolute) is a regular file or missing, not a device or FIFO. */
export function requireTarget(target: string): void {
  const there = tryStat(target)
  if (there?.isDirectory())
    throw new UserError(`cannot write '${target}': it is a directory; -o names a file in it`, 'io')
  if (there && !there.isFile()) {
    throw new UserError(
      `cannot write '${target}': it is not a regular file; -o - writes to standard output`,
      'io',
    )
  }
}

function tryStat(target: string): Stats | null {
  try {
    return ifPresent(() => statSync(target))
  } catch (error) {
    throw toRefusal(error, target)
  }
}

const FLAGS = constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK

/** The part file that an earlier run of this user left, or a new one. Never follows a link. */
async function openOwn(path: string): Promise<FileHandle> {
  const isThere = ifPresent(() => lstatSync(path)) !== null
  const found = isThere ? await open(path, FLAGS).catch(ignoreAbsent) : null
  if (found === null) return await openNew(path)
  let isKept = false
  try {
    const stats = await found.stat()
    if (!stats.isFile())
      throw new UserError(
        `cannot write '${path}': it is not a regular file; remove it, or write elsewhere with -o`,
        'io',
      )
    if (isOwn(stats)) {
      await found.chmod(0o600)
      isKept = true
      return found
    }
  } finally {
    if (!isKept) await found.close()
  }
  // Another user, or another link to it, could read or change it.
  await unlink(path)
  return await openNew(path)
}

async function openNew(path: string): Promise<FileHandle> {
  return await open(path, FLAGS | constants.O_CREAT | constants.O_EXCL, 0o600)
}

/** Whether the file belongs to this user, has one link, and is not writable by others. */
function isOwn({ uid, nlink, mode }: Stats): boolean {
  const isMine = process.geteuid === undefined || (uid === process.geteuid() && (mode & 0o022) === 0)
  return isMine && nlink === 1
}

/**
 * Sets the time, and copies the attributes of the file it replaces, or sets the mode of a new one. Returns
 * the attributes that it could not keep or set.
 */
export async function setAttributes(
  handle: FileHandle,
  target: string,
  modified: number | null,
): Promise<Unkept[]> {
  const there = ifPresent(() => openSync(target, FILE_FLAGS))
  try {
    const isFile = there !== null && fstatSync(there).isFile()
    const unkept = isFile ? await copyAttributes(there, handle, { withTime: false }) : []
    if (!isFile) fchmodSync(handle.fd, 0o666 & ~process.umask())
    const isTimed = modified === null || setTime(handle.fd, modified)
    return isTimed ? unkept : ['modified', ...unkept]
  } finally {
    if (there !== null) closeSync(there)
  }
}

/** Throws a UserError unless `path` is still the file that was verified: another run may have replaced it. */
function requireSame(handle: FileHandle, path: string): void {
  const [verified, named] = [fstatSync(handle.fd), ifPresent(() => lstatSync(path))]
  if (named?.ino === verified.ino && named.dev === verified.dev) return
  throw new UserError(`another run removed '${path}'; run it again`, 'io')
}

/** Null for what is absent. */
function ifPresent<T>(look: () => T): T | null {
  try {
    return look()
  } catch (error) {
    return ignoreAbsent(error)
  }
}

function ignoreAbsent(error: unknown): null {
  if (getErrno(error) === 'ENOENT') return null
  throw error
}

/**
 * What `work` resolves with; rejects with a UserError for an error of the file system, as `toRefusal` makes
 * it.
 */
export async function refusing<T>(path: string, work: Promise<T>, advice?: string): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw toRefusal(error, path, advice)
  }
}

/**
 * Converts an error of the file system into a UserError; returns any other error unchanged. `advice` says
 * where else to write.
 */
export function toRefusal(error: unknown, path: string, advice = '-o names another place'): unknown {
  if (!(error instanceof Error) || !('errno' in error) || typeof error.errno !== 'number') return error
  return new UserError(`cannot write '${path}': ${toReason(error)}; ${advice}`, 'io')
}

/** The longest beginning of a text that fits into `most` bytes of UTF-8, in whole characters. */
export function cutToBytes(text: string, most: number): string {
  // A UTF-16 unit has at most three bytes of UTF-8.
  if (text.length * 3 <= most) return text
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(most))
  return text.slice(0, read)
}
