import { formatCount, formatNumber, formatSize } from '../../../functions/wire/text.ts'
import type { Filled } from '../../node/digests/fill-index.ts'
import { SAY_PROGRESS_MS } from '../../node/limits.ts'
import { type Io, isFirst, say } from '../io.ts'
import type { OpenedDirectory } from '../open-replicas.ts'

/**
 * Resolves as `run` does. Meanwhile fills the digest indexes of the directories, and prints its progress and
 * at the end how many digests were computed on `stderr`. A directory without an index is not read for that.
 * Of several workers, which share the indexes, only the first fills them. Closes the directories afterwards.
 */
export async function withBackgroundIndex<T>(
  directories: readonly OpenedDirectory[],
  io: Io,
  run: () => Promise<T>,
): Promise<T> {
  const ended = Promise.withResolvers<'ended'>()
  const begin = async (directory: OpenedDirectory) => {
    const first = await Promise.race([io.worker?.ready, ended.promise])
    if (first !== 'ended') await fill(directory, io)
  }
  const filling = isFirst(io) ? directories.map(begin) : []
  try {
    const result = await run()
    for (const { id, storage } of directories) {
      const { computed, known } = storage.counts()
      say(io, `${id}: ${computed} digests computed, ${known} known from the index`)
    }
    return result
  } finally {
    ended.resolve('ended')
    // This also ends the filling.
    await Promise.all(directories.map(({ storage }) => storage.close()))
    await Promise.all(filling)
  }
}

async function fill({ id, storage }: OpenedDirectory, io: Io): Promise<void> {
  if (storage.whyForgetful() !== null) return
  let filled: Filled = { done: 0, total: null, bytes: 0 }
  const before = storage.counts().computed
  const report = () => say(io, `${id}: ${toLine(filled, storage.counts().computed - before)}`)
  const timer = setInterval(report, SAY_PROGRESS_MS)
  const onProgress = (now: Filled) => {
    filled = now
  }
  try {
    await storage.fillIndex({ onProgress })
    if (filled.total !== null) report()
  } catch (error) {
    say(io, `${id}: cannot fill the digest index: ${error instanceof Error ? error.message : error}`)
  } finally {
    clearInterval(timer)
  }
}

function toLine({ done, total, bytes }: Filled, hashed: number): string {
  const files = formatCount(done, 'file', 'files')
  const now = formatNumber(Math.min(hashed, done))
  return `digest index holds ${files} (${formatSize(bytes)})${total === null ? ' so far' : ''}, ${now} of them hashed now`
}
