import { toCounted, toGrouped } from '../../functions/wire/grouped.ts'
import type { Filled } from '../node/fill-index.ts'
import { SAY_PROGRESS_MS } from '../node/limits.ts'
import { type Io, say } from './io.ts'
import { toSize } from './progress.ts'
import type { OpenedDirectory } from './replicas.ts'

/**
 * What `run` comes to; meanwhile the digest indexes of the directories are filled in the background, which says on
 * `stderr` how far it is, and at the end how many digests were computed. A directory whose digests are not remembered is not
 * read for that. The directories are closed afterwards.
 */
export async function whileFilling<T>(
  directories: readonly OpenedDirectory[],
  io: Io,
  run: () => Promise<T>,
): Promise<T> {
  const filling = directories.map((directory) => fill(directory, io))
  try {
    const result = await run()
    for (const { id, storage } of directories) {
      const { computed, known } = storage.counts()
      say(io, `${id}: ${computed} digests computed, ${known} known from the index`)
    }
    return result
  } finally {
    // This ends the filling as well.
    await Promise.all(directories.map(({ storage }) => storage.close()))
    await Promise.all(filling)
  }
}

async function fill({ id, storage }: OpenedDirectory, io: Io): Promise<void> {
  if (storage.whyForgetful() !== null) return
  let filled: Filled = { done: 0, total: null, bytes: 0 }
  const before = storage.counts().computed
  const tell = () => say(io, `${id}: ${toLine(filled, storage.counts().computed - before)}`)
  const timer = setInterval(tell, SAY_PROGRESS_MS)
  const onProgress = (now: Filled) => {
    filled = now
  }
  try {
    await storage.fillIndex({ onProgress })
    if (filled.total !== null) tell()
  } catch (error) {
    say(io, `${id}: digest index not filled: ${error instanceof Error ? error.message : error}`)
  } finally {
    clearInterval(timer)
  }
}

function toLine({ done, total, bytes }: Filled, hashed: number): string {
  const files = toCounted(done, 'file', 'files')
  const now = toGrouped(Math.min(hashed, done))
  return `digest index holds ${files} (${toSize(bytes)})${total === null ? ' so far' : ''}, ${now} of them hashed now`
}
