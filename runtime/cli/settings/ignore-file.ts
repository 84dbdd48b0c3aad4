import { readText, toChunks } from '../../../functions/bytes/chunks.ts'
import { withDeadline } from '../../../functions/coordinator/ask/deadlines.ts'
import { GLOBS_RULE } from '../../../functions/coordinator/audit/exclude.ts'
import { isValid } from '../../../functions/wire/json/parse.ts'
import { SILENCE_MS } from '../../../functions/wire/limits.ts'
import { globs } from '../../../functions/wire/schemas/values.ts'
import { StorageError, settle } from '../../../functions/wire/storage-error.ts'
import { type Io, say } from '../../hosting/io.ts'
import type { OpenedDirectory } from '../../hosting/open-replicas.ts'
import { MAX_IGNORE_FILE_BYTES } from '../limits.ts'

const IGNORE_FILE = '.vouchignore'

type Directory = Pick<OpenedDirectory, 'id' | 'storage'>

interface Timeouts {
  /** Milliseconds. */
  readonly silence: number | undefined
}

/**
 * The globs of `.vouchignore` in the roots of directories: a glob a line, but for empty lines and those that
 * begin with `#`. Empty where there is no such file. What cannot be read, or has too many globs, excludes
 * nothing, and is reported on `stderr`.
 */
export async function readIgnored(
  directories: readonly Directory[],
  timeouts: Timeouts,
  io: Io,
): Promise<readonly string[]> {
  const read = await Promise.all(directories.map((directory) => readGlobs(directory, timeouts, io)))
  const all: readonly string[] = [...new Set(read.flat())]
  if (isValid(globs, all)) return all
  const ids = directories.map(({ id }) => id).join(', ')
  say(io, `warning: ${IGNORE_FILE} of ${ids} excludes nothing: it takes ${GLOBS_RULE}, got ${all.length}`)
  return []
}

async function readGlobs(
  { id, storage }: Directory,
  { silence = SILENCE_MS }: Timeouts,
  io: Io,
): Promise<string[]> {
  const text = await settle(
    withDeadline({ silence }, async (signal) => {
      const opened = await storage.open(IGNORE_FILE, { signal })
      return opened === null ? '' : await readText(toChunks(opened.body), MAX_IGNORE_FILE_BYTES)
    }),
  )
  if (text instanceof StorageError || text === null) {
    const reason = text?.message ?? `it has more than ${MAX_IGNORE_FILE_BYTES} bytes`
    say(io, `warning: ${IGNORE_FILE} of ${id} excludes nothing, since it cannot be read: ${reason}`)
    return []
  }
  const lines = text.split('\n').map((line) => line.trim())
  return lines.filter((line) => line !== '' && !line.startsWith('#'))
}
