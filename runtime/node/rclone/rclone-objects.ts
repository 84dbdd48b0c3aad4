import { createHash } from 'node:crypto'
import {
  beforeEnd,
  type Chunks,
  checked,
  exactly,
  through,
  toStream,
} from '../../../functions/bytes/chunks.ts'
import type { DigestCache } from '../../../functions/storage/objects/object-digests.ts'
import {
  type GetOptions,
  type ObjectInfo,
  type Objects,
  type OpenedObject,
  openEmpty,
} from '../../../functions/storage/objects/objects.ts'
import { mapErrors, type Reply } from '../../../functions/storage/remote/replies.ts'
import { changedError, changedWhileReadError } from '../../../functions/wire/errors.ts'
import { type ByteRange, parseContentRange, toRangeField } from '../../../functions/wire/fields/ranges.ts'
import { StorageError } from '../../../functions/wire/storage-error.ts'
import { createAbsence } from './rclone-absence.ts'
import { hiddenError } from './rclone-errors.ts'
import { createRcloneFinder } from './rclone-finder.ts'
import { toInfo, toState } from './rclone-infos.ts'
import { createRcloneListing } from './rclone-listing.ts'
import { isHiddenByRclone, toRcloneName } from './rclone-names.ts'
import type { RcloneRemote } from './rclone-remotes.ts'
import type { RcloneServer } from './rclone-server.ts'
import { createMemo } from './rclone-shared.ts'
import { readTraits, type Traits, VERIFIABLE } from './rclone-traits.ts'

type Signal = AbortSignal | undefined

/**
 * The files below a directory of a remote of rclone, for reading only: rclone writes without conditions.
 * Nothing is remembered of a file for which the remote has no hash, and only the remote's own SHA-256 counts
 * as `stored`. What rclone cannot tell from a missing file is `unreachable`; so is any failure of the remote.
 */
export function createRcloneObjects(server: RcloneServer, remote: RcloneRemote, cache: DigestCache): Objects {
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

  return { head, get, list: createRcloneListing({ server, remote, absence, finder, getTraits }) }
}

/** The body of the whole file, or of the part asked for; rejects for any other answer. */
async function readBody(reply: Reply, size: number, range: ByteRange | undefined): Promise<Chunks> {
  const { status, headers, body } = reply
  const part = parseContentRange(headers.get('Content-Range') ?? '')
  const isWanted =
    range === undefined
      ? status === 200
      : status === 206 && part?.offset === range.offset && part.length === range.length && part.size === size
  if (isWanted && body !== null) return mapErrors(body)
  await body?.cancel()
  if (status === 200 || status === 206)
    throw changedError('rclone sends another part of the file than asked for')
  throw new StorageError('unreachable', `rclone could not read the file (status ${status})`)
}

/**
 * `whole`; errors with `changed` unless it has the hash of its version. Null where that cannot be computed.
 */
function prove(whole: Chunks, version: string | null, { hash }: Traits): Chunks | null {
  if (version === null || hash === null || !VERIFIABLE.includes(hash)) return null
  const hasher = createHash(hash)
  return checked(whole, {
    pass: (chunk) => void hasher.update(chunk),
    end() {
      if (!version.endsWith(` ${hasher.digest('hex')}`)) throw changedWhileReadError()
    },
  })
}

/** `body`; where it breaks off since the file has changed, the error says so. */
function explained(body: Chunks, requireSame: () => Promise<void>): Chunks {
  return through(body, async function* (chunks) {
    try {
      yield* chunks
    } catch (error) {
      if (!(error instanceof StorageError && error.code === 'changed')) await requireSame()
      throw error
    }
  })
}
