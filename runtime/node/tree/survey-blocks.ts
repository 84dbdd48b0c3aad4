import { isRecent } from '../../../functions/storage/facts.ts'
import type { Knowledge } from '../digests/belief.ts'
import { type Block, decodeBlock, encodeBlock, findBlockEnd, hasFile } from '../digests/index-block.ts'
import type { IndexFile } from '../digests/index-file.ts'
import type { IndexBlock, IndexRow } from '../digests/index-table.ts'
import type { IndexWriter } from '../digests/index-writer.ts'
import { tryLstatQuickly } from '../files/identity.ts'
import { type Place, toPath } from '../files/root.ts'
import { MAX_UNWRITTEN_BLOCKS } from '../limits.ts'
import type { FileSystem } from '../mounts/file-system.ts'
import type { Run } from './tree-walk.ts'

/** Consecutive files of a run, all of them as the index has them. */
export interface FoundBlock extends Block {
  readonly names: readonly string[]
}

interface BlockSources {
  readonly place: Place
  readonly index: IndexFile
  readonly writer: IndexWriter
}

/**
 * Finds blocks of files in the index, and makes those that are not there of rows that were found or written
 * one by one. `isUsed`: whether sizes and digests are all that is asked for, of readings of any age.
 */
export function createSurveyBlocks({ place, index, writer }: BlockSources, isUsed: boolean) {
  const epoch = isUsed ? index.readEpoch() : null
  let made: IndexBlock[] = []
  /** The block that is looked up file by file, and the rows of its first files. */
  let names: readonly string[] = []
  let rows: IndexRow[] = []
  /** Where that block ends. */
  let tried: { readonly run: Run; readonly end: number } | undefined

  function flush(): void {
    // First: a row that is written takes its block away, and only of a row that is there is a change seen.
    const hasAll = writer.flush()
    if (epoch !== null && hasAll && made.length > 0) index.writeBlocks(made, epoch)
    made = []
  }

  return {
    /** The block that begins with `run[first]`; null where each file has to be looked up by itself. */
    find(run: Run, first: number, { system, now }: Pick<Knowledge, 'system' | 'now'>): FoundBlock | null {
      if (epoch === null || system === null) return null
      if (tried?.run === run && first < tried.end) return null
      tried = { run, end: findBlockEnd(run, first) }
      names = run.slice(first, tried.end)
      rows = []
      const bytes = writer.hasNone(names) ? index.readBlock(names[0] ?? '') : undefined
      const block = bytes && decodeBlock(bytes, system.id, names)
      const found = block && { names, ...block }
      return found && isAllRecent(found, now) && isUnchanged(place, found, system, now) ? found : null
    },
    /** Takes the row of the next file. A file that is left out leaves out its block. */
    add(row: IndexRow): void {
      if (row.name !== names[rows.length]) return
      rows.push(row)
      if (rows.length < names.length) return
      const data = encodeBlock(rows)
      if (data !== null) made.push({ first: names[0] ?? '', last: row.name, data })
      if (made.length >= MAX_UNWRITTEN_BLOCKS) flush()
    },
    /** Writes the blocks that were made. Called at the end. */
    flush,
  }
}

function isAllRecent({ readAt: { first, last } }: Block, now: number): boolean {
  return isRecent(first, now, null) && isRecent(last, now, null)
}

/** Whether all files of a block are settled, and as the block has them. */
function isUnchanged(place: Place, block: FoundBlock, { device }: FileSystem, now: number): boolean {
  const dev = Number(device)
  for (let i = 0; i < block.names.length; i++) {
    const stats = tryLstatQuickly(toPath(place, block.names[i] ?? ''))
    if (!stats?.isFile() || stats.dev !== dev || !hasFile(block, i, stats, now)) return false
  }
  return true
}
