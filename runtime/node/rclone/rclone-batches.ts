import { exactly } from '../../../functions/bytes/chunks.ts'
import type { Objects } from '../../../functions/storage/objects/objects.ts'
import { toNamedPath } from '../../../functions/wire/fields/routes.ts'
import { createLimit } from '../../../functions/wire/limit.ts'
import { MAX_RCLONE_CALLS, MIN_RCLONE_BATCH } from '../limits.ts'
import { prove, readBody, toInfo, toState } from './rclone-contents.ts'
import type { RcloneFinder } from './rclone-finder.ts'
import { toRcloneName } from './rclone-names.ts'
import { type Environment, type RcloneProcess, startFileServer } from './rclone-process.ts'
import type { RcloneRemote } from './rclone-remotes.ts'
import { type RcloneItem, request } from './rclone-server.ts'
import type { Traits } from './rclone-traits.ts'

interface Batches {
  /** That of rclone. */
  readonly env: Environment
  readonly remote: RcloneRemote
  readonly finder: RcloneFinder
  getTraits(signal: AbortSignal | undefined): Promise<Traits>
}

/**
 * Reads many files of a remote. Asked for a file alone, rclone looks for it again before each reading, for
 * which `chunker` and ftp list the whole directory, and it sends a WebDAV server at most a hundred requests a
 * second. Here the state of the files before and after the readings is that of one listing of each directory,
 * and another rclone, which has listed them in between, sends the files. A remote that has SHA-256 is left
 * out: its listings would read the files.
 */
export function createRcloneBatches({ env, remote, finder, getTraits }: Batches): Objects['readAll'] {
  return async function readAll(keys, { isNeeded, read, signal }) {
    if (keys.length < MIN_RCLONE_BATCH) return []
    const traits = await getTraits(signal)
    if (traits.hash === 'sha256') return []
    const before = await finder.findAll(keys.map(toRcloneName), traits, signal)
    const wanted: Wanted[] = []
    for (const key of keys) {
      const path = toRcloneName(key)
      const item = before.get(path)
      if (item === undefined || item.Size < 0) continue
      const info = toInfo(key, item, traits.hash)
      if (await isNeeded(info)) wanted.push({ info, path, item })
    }
    if (wanted.length < MIN_RCLONE_BATCH) return []

    async function readFrom(server: RcloneProcess, { info, path }: Wanted) {
      const reply = await request(server, toNamedPath('/', path), { headers: {}, signal })
      const body = exactly(await readBody(reply, info.size, undefined), info.size)
      return await read(info, prove(body, info.version, traits) ?? body)
    }

    const server = await startFileServer(remote.fs, env).catch(() => null)
    if (server === null) return []
    try {
      const limit = createLimit(MAX_RCLONE_CALLS)
      const results = await Promise.all(
        wanted.map(async (one) => {
          const result = limit.run(async () => {
            signal?.throwIfAborted()
            return await readFrom(server, one)
          })
          // Whatever it is, the file asked for alone shows it.
          return { ...one, result: await result.catch(() => null) }
        }),
      )
      signal?.throwIfAborted()
      const after = await finder.findAll(
        results.map(({ path }) => path),
        traits,
        signal,
      )
      return results.flatMap(({ info, path, item, result }) => {
        const isSame = toVersion(item, traits) === toVersion(after.get(path), traits)
        return result !== null && isSame ? [{ info, result }] : []
      })
    } finally {
      await server.stop()
    }
  }
}

interface Wanted {
  readonly info: ReturnType<typeof toInfo>
  readonly path: string
  readonly item: RcloneItem
}

/** What must be the same before and after. */
function toVersion(item: RcloneItem | undefined, { hash }: Traits): string | undefined {
  return item && `${toState(item)} ${hash === null ? '' : item.Hashes?.[hash]}`
}
