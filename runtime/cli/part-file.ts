import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { getSystemErrorMessage } from 'node:util'
import type { Digest } from '../../functions/wire/digest.ts'
import { Refusal } from '../node/refusal.ts'
import type { Sink } from './download.ts'

/** A file on its way to its place. */
export interface PartFile extends Sink {
  /** Puts it into its place, in one step, over what may be there. For a content that was proved. */
  commit(): Promise<void>
}

/** What is written where. */
export interface PartOptions {
  readonly digest: Digest
  readonly signal?: AbortSignal | undefined
}

/** The longest file name everywhere is 255 bytes; dots, digest and ending take 23. */
const MAX_BASE_BYTES = 232

/**
 * Opens the file that a content for `target` (absolute) is gathered in: beside it, with a name that follows from both,
 * so that a later run finds what an earlier one left; that is hashed first. Throws a Refusal when it cannot be written.
 */
export async function openPart(target: string, { digest, signal }: PartOptions): Promise<PartFile> {
  const path = toPartPath(target, digest)
  const hash = createHash('sha256')
  const handle = await openHandle(path, target)
  let offset = 0
  try {
    const found = await handle.stat()
    if (!found.isFile())
      throw new Refusal(
        `cannot write '${path}': it is no regular file; remove it, or write elsewhere with -o`,
      )
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
    for (let done = 0; done < chunk.length; ) {
      const { bytesWritten } = await refusing(target, handle.write(chunk, done, chunk.length - done, offset))
      hash.update(chunk.subarray(done, done + bytesWritten))
      done += bytesWritten
      offset += bytesWritten
    }
  }

  async function commit(): Promise<void> {
    try {
      await handle.sync()
      await requireSame(handle, path)
      await rename(path, target)
    } catch (error) {
      throw toRefusal(error, target)
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
    keep: () => handle.close(),
    async discard() {
      await handle.close()
      await rm(path, { force: true })
    },
    commit,
  }
}

/** Throws a Refusal unless a file may be put at `target` (absolute): what is no regular file is not written through. */
export async function requireTarget(target: string): Promise<void> {
  const there = await refusing(target, stat(target).catch(ignoreAbsent))
  if (there?.isDirectory())
    throw new Refusal(`cannot write '${target}': it is a directory; -o names a file in it`)
  if (there && !there.isFile()) {
    throw new Refusal(`cannot write '${target}': it is no regular file; -o - writes to standard output`)
  }
}

function toPartPath(target: string, digest: Digest): string {
  let base = basename(target)
  while (Buffer.byteLength(base) > MAX_BASE_BYTES) base = base.slice(0, -1)
  return join(dirname(target), `.${base}.${digest.slice(0, 16)}.part`)
}

/** A link of this name was put there by somebody else, and is not followed. */
async function openHandle(path: string, target: string): Promise<FileHandle> {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK
  return await refusing(target, open(path, flags, 0o666))
}

/** Another run may have begun the same file anew in the meantime: what has this name must be what was proved. */
async function requireSame(handle: FileHandle, path: string): Promise<void> {
  const [proved, named] = await Promise.all([handle.stat(), stat(path).catch(ignoreAbsent)])
  if (named?.ino === proved.ino && named.dev === proved.dev) return
  throw new Refusal(`another run took '${path}' away; run it again`)
}

function ignoreAbsent(error: unknown): null {
  if (toCode(error) === 'ENOENT') return null
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

function toCode(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
