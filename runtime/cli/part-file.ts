import { createHash } from 'node:crypto'
import { constants, type Stats } from 'node:fs'
import { type FileHandle, lstat, open, rename, rm, stat, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { getSystemErrorMessage } from 'node:util'
import type { Unkept } from '../../functions/wire/attributes.ts'
import type { Digest } from '../../functions/wire/digest.ts'
import { getErrno } from '../node/errno.ts'
import { copyAttributes, setModified } from '../node/file-attributes.ts'
import { Refusal } from '../node/refusal.ts'
import { FILE_FLAGS } from '../node/regular-file.ts'
import { finishSparse, writeSparse } from '../node/sparse.ts'
import { cutToBytes } from './destination.ts'
import type { Sink } from './download.ts'

/** A file on its way to its place. */
export interface PartFile extends Sink {
  /**
   * Puts it into its place, in one step, over what may be there. For a content that was proved. Returns what it could
   * not keep of the file that it replaces, or not take.
   */
  commit(): Promise<readonly Unkept[]>
}

/** What is written where. */
export interface PartOptions {
  readonly digest: Digest
  /** When the content was modified: milliseconds since 1970, null when unknown. The file takes that time. */
  readonly modified: number | null
  readonly signal?: AbortSignal | undefined
}

/** The longest file name everywhere is 255 bytes; dots, digest and ending take 23. */
const MAX_BASE_BYTES = 232

/**
 * Opens the file that a content for `target` (absolute) is gathered in: beside it, with a name that follows from both,
 * so that a later run finds what an earlier one left; that is hashed first. Nobody else may read it before it is in its
 * place, and what this user did not leave there alone is not gone on with. Throws a Refusal when it cannot be written.
 */
export async function openPart(target: string, { digest, modified, signal }: PartOptions): Promise<PartFile> {
  const path = toPartPath(target, digest)
  const hash = createHash('sha256')
  const handle = await refusing(target, openOwn(path))
  let offset = 0
  try {
    await hashHeld()
  } catch (error) {
    await handle.close()
    throw toRefusal(error, target)
  }

  async function hashHeld(): Promise<void> {
    const buffer = Buffer.alloc(1024 * 1024)
    for (;;) {
      signal?.throwIfAborted()
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, offset)
      if (bytesRead === 0) return
      hash.update(buffer.subarray(0, bytesRead))
      offset += bytesRead
    }
  }

  async function write(chunk: Uint8Array): Promise<void> {
    await refusing(target, writeSparse(handle, chunk, offset))
    hash.update(chunk)
    offset += chunk.length
  }

  async function commit(): Promise<readonly Unkept[]> {
    try {
      await finishSparse(handle, offset)
      const unkept = await dress(handle, target, modified)
      await handle.sync()
      await requireSame(handle, path)
      await rename(path, target)
      return unkept
    } catch (error) {
      throw toRefusal(error, target)
    } finally {
      await handle.close()
    }
  }

  async function keep(): Promise<void> {
    try {
      await finishSparse(handle, offset)
    } finally {
      await handle.close()
    }
  }

  return {
    get offset() {
      return offset
    },
    write,
    digest: () => hash.digest('hex'),
    keep,
    async discard() {
      await handle.close()
      await rm(path, { force: true })
    },
    commit,
  }
}

/** Throws a Refusal unless a file may be put at `target` (absolute): a link, device or FIFO is not written through. */
export async function requireTarget(target: string): Promise<void> {
  const there = await refusing(target, stat(target).catch(ignoreAbsent))
  if (there?.isDirectory())
    throw new Refusal(`cannot write '${target}': it is a directory; -o names a file in it`)
  if (there && !there.isFile()) {
    throw new Refusal(`cannot write '${target}': it is not a regular file; -o - writes to standard output`)
  }
}

function toPartPath(target: string, digest: Digest): string {
  const base = cutToBytes(basename(target), MAX_BASE_BYTES)
  return join(dirname(target), `.${base}.${digest.slice(0, 16)}.part`)
}

const FLAGS = constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK

/** The part that an earlier run of this user left, or a new one. A link of this name is never followed. */
async function openOwn(path: string): Promise<FileHandle> {
  const found = await open(path, FLAGS).catch(ignoreAbsent)
  if (found === null) return await openNew(path)
  let isKept = false
  try {
    const stats = await found.stat()
    if (!stats.isFile())
      throw new Refusal(
        `cannot write '${path}': it is not a regular file; remove it, or write elsewhere with -o`,
      )
    if (isOwn(stats)) {
      await found.chmod(0o600)
      isKept = true
      return found
    }
  } finally {
    if (!isKept) await found.close()
  }
  // Another name of it, or another user, may read and change what would be written to it.
  await unlink(path)
  return await openNew(path)
}

async function openNew(path: string): Promise<FileHandle> {
  return await open(path, FLAGS | constants.O_CREAT | constants.O_EXCL, 0o600)
}

/** Whether the file is this user's, under this name alone, and nobody else may write to it. */
function isOwn({ uid, nlink, mode }: Stats): boolean {
  const isMine = process.geteuid === undefined || (uid === process.geteuid() && (mode & 0o022) === 0)
  return isMine && nlink === 1
}

/** Gives the file its time, and what the file in its place has beside its bytes; a new one gets what any new file gets. */
async function dress(handle: FileHandle, target: string, modified: number | null): Promise<Unkept[]> {
  const there = await open(target, FILE_FLAGS).catch(ignoreAbsent)
  try {
    const isFile = (await there?.stat())?.isFile()
    const unkept = there && isFile ? await copyAttributes(there.fd, handle, { withTime: false }) : []
    if (!isFile) await handle.chmod(0o666 & ~process.umask())
    return modified === null ? unkept : [...(await setModified(handle, modified)), ...unkept]
  } finally {
    await there?.close()
  }
}

/** Another run may have begun the same file anew in the meantime: what has this name must be what was proved. */
async function requireSame(handle: FileHandle, path: string): Promise<void> {
  const [proved, named] = await Promise.all([handle.stat(), lstat(path).catch(ignoreAbsent)])
  if (named?.ino === proved.ino && named.dev === proved.dev) return
  throw new Refusal(`another run took '${path}' away; run it again`)
}

function ignoreAbsent(error: unknown): null {
  if (getErrno(error) === 'ENOENT') return null
  throw error
}

async function refusing<T>(path: string, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw toRefusal(error, path)
  }
}

/** An error of the file system as a Refusal; every other error as it is. */
function toRefusal(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || !('errno' in error) || typeof error.errno !== 'number') return error
  return new Refusal(`cannot write '${path}': ${getSystemErrorMessage(error.errno)}; -o names another place`)
}
