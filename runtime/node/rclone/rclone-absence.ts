import { createHash } from 'node:crypto'
import { RESERVED } from '../../../functions/storage/names.ts'
import type { DigestCache } from '../../../functions/storage/objects/object-digests.ts'
import { formatNumber } from '../../../functions/wire/text.ts'
import { findUndecryptable, readBelow } from './rclone-crypt.ts'
import type { Crypt, RcloneRemote } from './rclone-remotes.ts'
import {
  hiddenError,
  type RcloneFs,
  type RcloneItem,
  type RcloneServer,
  toRefusalError,
} from './rclone-server.ts'
import { createShared } from './rclone-shared.ts'

export type Absence = ReturnType<typeof createAbsence>

/**
 * Finds out whether a file that rclone does not find is missing. rclone also finds nothing where the
 * directory itself is gone, a crypt remote has another password, or a part of a union is not there.
 */
export function createAbsence(server: RcloneServer, remote: RcloneRemote, cache: DigestCache) {
  const { fs, stores, crypts } = remote
  const isPlain = stores.length === 1 && crypts.length === 0
  /** A file that was there when it was last asked for, as rclone names it. */
  let witness: string | null = null
  const memory = createMemory(cache)

  async function check(): Promise<void> {
    if (isPlain && (await isThere(witness))) return
    witness = null
    for (const crypt of crypts) await requireReadable(server, crypt)
    for (const store of new Set([fs, ...stores])) await requireDirectory(store)
  }

  async function isThere(path: string | null): Promise<boolean> {
    if (path === null) return false
    const item = await server.stat(fs, path, NO_OPTIONS)
    return item !== null && typeof item !== 'string' && !item.IsDir
  }

  async function requireDirectory(store: RcloneFs): Promise<void> {
    const items = await readItems(server, store, '', NAMES_ONLY)
    if (items.length > 0 || !(stores.length > 1 || (await memory.hasFiles()))) return
    throw hiddenError(
      `rclone shows an empty directory where ${stores.length > 1 ? 'a part of the files should be' : 'files were before'}: its disk may not be mounted; if it is empty indeed, create '${RESERVED}/replica' in it`,
    )
  }

  return {
    /** Notes a file that was just found. */
    async noteFile(path: string): Promise<void> {
      witness = path
      await memory.noteFiles()
    },
    /** Rejects with `unreachable` unless a name that was not found before the call is that of no file. */
    requireAll: createShared(check),
    /** Whether the files have several places, so that one of them may be gone in silence. */
    hasParts: stores.length > 1,
  }
}

const NO_OPTIONS = { signal: undefined }
const NAMES_ONLY = { noModTime: true, signal: undefined }

/** Rejects with `unreachable` when the remote below a crypt remote has names that it cannot decrypt. */
async function requireReadable(server: RcloneServer, crypt: Crypt): Promise<void> {
  if (crypt.isObfuscated) {
    throw hiddenError('rclone cannot tell which names another password made: they are obfuscated')
  }
  const below = await readBelow(server, crypt, '', undefined)
  const shown = await readItems(server, crypt.fs, '', NAMES_ONLY)
  const { length } = await findUndecryptable(server, crypt, '', { below, shown })
  if (length === 0) return
  throw hiddenError(
    `rclone cannot decrypt ${formatNumber(length)} ${length === 1 ? 'name' : 'names'} with its password, and the file may have one of them`,
  )
}

/** The items of a directory that must be there. */
export async function readItems(
  server: RcloneServer,
  fs: RcloneFs,
  path: string,
  options: Parameters<RcloneServer['list']>[2],
): Promise<RcloneItem[]> {
  const items = await server.list(fs, path, options)
  if (typeof items === 'string') throw toRefusalError(items)
  return items
}

/** Remembers in the digest cache, under the key of no file, that there are files. */
function createMemory(cache: DigestCache) {
  let isKnown = false
  return {
    async noteFiles(): Promise<void> {
      if (isKnown) return
      isKnown = true
      await cache.set(NO_KEY, 'files', { digest: NO_DIGEST, readAt: 0 })
    },
    async hasFiles(): Promise<boolean> {
      return isKnown || (await cache.get(NO_KEY, 'files')) !== undefined
    },
  }
}

const NO_KEY = ''
const NO_DIGEST = createHash('sha256').digest('hex')
