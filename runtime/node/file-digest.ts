import type { FileHandle } from 'node:fs/promises'
import type { Digest } from '../../functions/wire/digest.ts'
import { StorageError } from '../../functions/wire/trouble.ts'
import type { DigestMemory } from './digest-memory.ts'
import { createHasher } from './hasher.ts'
import { type Identity, isSettled, readIdentity, toKey } from './identity.ts'
import { MAX_ATTEMPTS, READ_BYTES } from './limits.ts'
import type { RegularFile } from './regular-file.ts'

export interface HashOptions {
  readonly signal?: AbortSignal | undefined
  /** Called after every read. */
  readonly onProgress?: (() => void) | undefined
}

/** A content of a file: whatever has this identity has this digest, but for a change too quick for the clock. */
export interface Content {
  readonly identity: Identity
  readonly digest: Digest
  /** Whether even such a change is ruled out; see `isSettled`. */
  readonly settled: boolean
}

/** The digest of the first `size` bytes behind a descriptor, or of those there are. */
export async function hashFile(handle: FileHandle, size: number, options: HashOptions = {}): Promise<Digest> {
  const hasher = createHasher()
  const buffer = new Uint8Array(Math.min(READ_BYTES, size))
  for (let position = 0; position < size; ) {
    options.signal?.throwIfAborted()
    const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, size - position), position)
    if (bytesRead === 0) break
    await hasher.update(buffer.subarray(0, bytesRead))
    position += bytesRead
    options.onProgress?.()
  }
  return await hasher.digest()
}

/** What an open file holds, from memory or by hashing it; `changed` when it does not keep still for that. */
export async function readContent(
  file: RegularFile,
  memory: DigestMemory,
  options: HashOptions & { readonly now: () => number },
): Promise<Content> {
  let { identity } = file
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    const known = memory.get(identity)
    if (known !== undefined) return { identity, digest: known, settled: true }
    const settled = isSettled(identity, options.now())
    const digest = await hashFile(file.handle, identity.size, options)
    const after = await readIdentity(file.handle)
    if (toKey(after) === toKey(identity)) {
      if (settled) memory.set(identity, digest)
      return { identity, digest, settled }
    }
    identity = after
  }
  throw changed()
}

/** The file is no longer what it was when it was read. */
export function changed(): StorageError {
  return new StorageError('changed', 'the file changed while it was read')
}
