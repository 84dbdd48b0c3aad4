import { beforeEnd, type Chunks, exactly, through, toStream } from '../../../functions/bytes/chunks.ts'
import type { DigestCache } from '../../../functions/storage/objects/object-digests.ts'
import {
  type GetOptions,
  type ObjectInfo,
  type Objects,
  type OpenedObject,
  openEmpty,
} from '../../../functions/storage/objects/objects.ts'
import { changedError, changedWhileReadError } from '../../../functions/wire/errors.ts'
import { toRangeField } from '../../../functions/wire/fields/ranges.ts'
import { StorageError } from '../../../functions/wire/storage-error.ts'
import { createAbsence } from './rclone-absence.ts'
import { createRcloneBatches } from './rclone-batches.ts'
import { prove, readBody, toInfo, toState } from './rclone-contents.ts'
import { createRcloneFinder } from './rclone-finder.ts'
import { createRcloneListing } from './rclone-listing.ts'
import { isHiddenByRclone, toRcloneName } from './rclone-names.ts'
import type { Environment } from './rclone-process.ts'
import type { RcloneRemote } from './rclone-remotes.ts'
import { hiddenError, type RcloneServer } from './rclone-server.ts'
import { createMemo } from './rclone-shared.ts'
import { readTraits } from './rclone-traits.ts'

type Signal = AbortSignal | undefined

/**
 * The files below a directory of a remote of rclone, for reading only: rclone writes without conditions.
 * Nothing is remembered of a file for which the remote has no hash, and only the remote's own SHA-256 counts
 * as `stored`. What rclone cannot tell from a missing file is `unreachable`; so is any failure of the remote.
 */
export function createRcloneObjects(
  server: RcloneServer,
  remote: RcloneRemote,
  { env, cache }: { readonly env: Environment; readonly cache: DigestCache },
): Objects {
  const { fs } = remote
  const absence = createAbsence(server, remote, cache)
  const finder = createRcloneFinder(server, fs)
  const getTraits = createMemo(() => readTraits(server, remote))

  async function head(key: string, signal: Signal): Promise<ObjectInfo | null> {
    const traits = await getTraits(signal)
    const path = toRcloneName(key)
    const item = await finder.findHashed(path, traits, signal)
    if (item === null) {
      await absence.requireAll(signal)
      if (isHiddenByRclone(key)) throw hiddenError('a file of this name may have another one in rclone')
      return null
    }
    await absence.noteFile(path)
    return toInfo(key, item, traits.hash)
  }

  async function get(key: string, { range, version, signal }: GetOptions): Promise<OpenedObject | null> {
    if (range?.length === 0) return openEmpty(await head(key, signal), version)
    const traits = await getTraits(signal)
    const path = toRcloneName(key)
    const item = await finder.find(path, traits, signal)
    if (item === null) return await requireNone(key, signal)
    const state = toState(item)
    if (version !== null && !version.startsWith(`${state} `)) throw changedError()
    const info = { ...toInfo(key, item, null), version, stored: undefined }
    const reply = await server.get(fs, path, { range: range && toRangeField(range), signal })
    if (reply.status === 404) {
      await reply.body?.cancel()
      return await requireNone(key, signal)
    }

    async function requireState(): Promise<void> {
      const now = await finder.find(path, traits, signal)
      if (now === null || toState(now) !== state) throw changedWhileReadError()
    }

    async function requireSame(): Promise<void> {
      if (version === null) return await requireState()
      if ((await head(key, signal))?.version !== version) throw changedWhileReadError()
    }

    const wanted = exactly(await readBody(reply, info.size, range), range?.length ?? info.size)
    const proven = range === undefined ? prove(wanted, version, traits) : null
    const watched = beforeEnd(proven ?? wanted, proven === null ? requireSame : requireState)
    return { info, body: toStream(explained(watched, requireSame), signal) }
  }

  /** Null for a file that is gone; throws `changed` when it is there again. */
  async function requireNone(key: string, signal: Signal): Promise<null> {
    if ((await head(key, signal)) !== null) throw changedError()
    return null
  }

  return {
    head,
    get,
    list: createRcloneListing({ server, remote, absence, finder, getTraits }),
    readAll: createRcloneBatches({ env, remote, finder, getTraits }),
  }
}

/** `body`; where it breaks off since the file has changed, the error says so. */
function explained(body: Chunks, requireSame: () => Promise<void>): Chunks {
  return through(body, (chunks) => passExplained(chunks, requireSame))
}

async function* passExplained(
  chunks: AsyncGenerator<Uint8Array>,
  requireSame: () => Promise<void>,
): AsyncGenerator<Uint8Array> {
  try {
    yield* chunks
  } catch (error) {
    if (!(error instanceof StorageError && error.code === 'changed')) await requireSame()
    throw error
  }
}
